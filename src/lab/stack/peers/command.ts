import { spawnGuarded } from '../janitor.ts'
import { keepTail, lastErrorLine } from '../output-tail.ts'

/** The slowest install that was seen took 2.5 minutes, on a busy machine. */
const limitMs = 600_000

/**
 * Runs a command to its end and returns its standard output. It ends when the lab ends. Rejects as `spawn`
 * does if there is no such program, and with the last line of the command if it fails.
 */
export async function runCommand(
  command: string,
  args: readonly string[],
  options: { cwd?: string; env?: Readonly<Record<string, string>> } = {},
): Promise<string> {
  const { child, ended, end } = await spawnGuarded(command, args, {
    ...(options.cwd !== undefined && { cwd: options.cwd }),
    env: { ...process.env, ...options.env },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  const output = keepTail(child.stdout)
  const errors = keepTail(child.stderr)
  const timer = setTimeout(end, limitMs)
  const { code } = await ended
  clearTimeout(timer)
  if (code === 0) return output()
  throw new Error(lastErrorLine(errors()) ?? lastErrorLine(output()) ?? `${command} ended with code ${code}`)
}
