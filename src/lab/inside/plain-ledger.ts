import { execFile } from 'node:child_process'
import { mkdirSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { promisify } from 'node:util'
import { createGuardedFolder } from '../stack/janitor.ts'

/**
 * What every Node process of the service runs first. Port 0: the inspector, if it is opened, takes a free port. The
 * option `--inspect-port=0` would do the same, but workers of `cluster` then do not start: Node adds 1 to the port for each.
 * For the same reason a port that the user has chosen stays.
 */
const entry = `import { url } from 'node:inspector'

if (process.debugPort === 9229 && url() === undefined) process.debugPort = 0
await import('./dist/auto.js')
`

/**
 * Compiles the ledger to plain JavaScript, because the service's own Node may not run TypeScript. The folder is removed
 * when the lab ends.
 *
 * @returns the URL of its entry, for `--import`
 */
export async function compileLedger(): Promise<string> {
  // A profile then shows the ledger under the name of its package.
  const folder = join(createGuardedFolder(), 'node_modules/@insertlab/cpu-ledger')
  mkdirSync(folder, { recursive: true })
  writeFileSync(join(folder, 'package.json'), '{ "type": "module" }')
  writeFileSync(join(folder, 'entry.js'), entry)
  const compiler = join(dirname(createRequire(import.meta.url).resolve('typescript/package.json')), 'bin/tsc')
  const project = fileURLToPath(new URL('../../ledger/tsconfig.json', import.meta.url))
  await promisify(execFile)(process.execPath, [compiler, '-p', project, '--outDir', join(folder, 'dist')])
  return pathToFileURL(join(folder, 'entry.js')).href
}
