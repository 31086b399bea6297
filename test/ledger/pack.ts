import { join } from 'node:path'
import { repository, run } from '../programs.ts'

/** Packs the ledger as for a registry. @returns the tarball's path. */
export async function packLedger(folder: string): Promise<string> {
  const { code, stdout, output } = await run('npm', [
    'pack',
    '--json',
    '-w',
    'src/ledger',
    '--pack-destination',
    folder,
  ])
  if (code !== 0) throw new Error(`npm pack exited with ${code}:\n${output}`)
  const filename = /"filename": "([^"]+)"/.exec(stdout)?.[1]
  if (filename === undefined) throw new Error(`npm pack names no file:\n${output}`)
  return join(folder, filename)
}

/** Compiles the ledger for a Node that does not run TypeScript. @returns the path of its `/auto` entry. */
export async function buildLedger(): Promise<string> {
  const { code, output } = await run('npm', ['run', 'prepack', '-w', 'src/ledger'])
  if (code !== 0) throw new Error(`the ledger was not compiled:\n${output}`)
  return join(repository, 'src/ledger/dist/auto.js')
}
