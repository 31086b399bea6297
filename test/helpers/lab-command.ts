import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { repository } from '../programs.ts'

export const labCli = join(repository, 'src/lab/cli.ts')

/** Runs a command of the lab to its end: exit code and what it printed. `env` is added to this process's own. */
export async function runLab(args: readonly string[], env: Readonly<Record<string, string>> = {}) {
  const run = spawn(process.execPath, [labCli, ...args], {
    env: { ...process.env, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  const [stdout, stderr, [status]] = await Promise.all([
    text(run.stdout),
    text(run.stderr),
    once(run, 'exit'),
  ])
  return { status: status as number | null, stdout, stderr }
}
