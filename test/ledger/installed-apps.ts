import { existsSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { repository, run } from '../programs.ts'

/** Where the applications are. Their packages are installed there, out of the project's own. */
export const appsFolder = join(repository, 'test/ledger/apps')

/** Installs what the applications need, unless it is there. The first time takes a minute. */
export async function installApps(): Promise<void> {
  const lock = join(appsFolder, 'package-lock.json')
  const installed = join(appsFolder, 'node_modules/.package-lock.json')
  if (!existsSync(installed) || statSync(installed).mtimeMs < statSync(lock).mtimeMs) {
    await command('npm', ['ci', '--prefix', appsFolder, '--ignore-scripts', '--no-audit', '--no-fund'])
  }
  const client = join(appsFolder, 'node_modules/generated-prisma-client/index.js')
  if (!existsSync(client)) await generatePrismaClient()
}

/** The client needs no engine. The command looks for one all the same, and would download it. */
function generatePrismaClient(): Promise<void> {
  return command(
    join(appsFolder, 'node_modules/.bin/prisma'),
    ['generate', '--schema', join(appsFolder, 'schema.prisma')],
    { PRISMA_SCHEMA_ENGINE_BINARY: process.execPath, CHECKPOINT_DISABLE: '1' },
  )
}

async function command(program: string, args: readonly string[], env = {}): Promise<void> {
  const { code, output } = await run(program, args, env)
  if (code !== 0) throw new Error(`${program} ${args.join(' ')} exited with ${code}:\n${output}`)
}
