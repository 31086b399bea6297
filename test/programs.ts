import { spawn } from 'node:child_process'
import { accessSync, constants } from 'node:fs'
import { delimiter, join } from 'node:path'
import { fileURLToPath } from 'node:url'

export const repository = fileURLToPath(new URL('..', import.meta.url))

/**
 * Whether a foreign program (k6, promtool, docker) can be run. Where it is missing, a developer's machine skips what
 * needs it and says so; CI fails, for there `.ci/run` must have installed it.
 */
export function available(program: string): boolean {
  if (pathOf(program) !== null) return true
  if (process.env['CI']) throw new Error(`${program} is not on the PATH, and in CI it must be`)
  console.warn(`skipped: ${program} is not on the PATH`)
  return false
}

/** Where a program is on the PATH, or null. */
export function pathOf(program: string): string | null {
  const folders = (process.env['PATH'] ?? '').split(delimiter)
  return folders.map(folder => join(folder, program)).find(isExecutable) ?? null
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK)
    return true
  } catch {
    return false
  }
}

export interface Ended {
  code: number | null
  stdout: string
  /** Both streams, as a person would have seen them. */
  output: string
}

/** Runs a program to its end, in the repository unless told otherwise; `env` is added to our own. */
export function run(
  program: string,
  args: readonly string[],
  env: Record<string, string> = {},
  cwd = repository,
): Promise<Ended> {
  const child = spawn(program, args, {
    cwd,
    env: { ...process.env, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  let stdout = ''
  let output = ''
  child.stdout.on('data', chunk => {
    stdout += chunk
    output += chunk
  })
  child.stderr.on('data', chunk => {
    output += chunk
  })
  return new Promise((resolve, reject) => {
    child.once('error', reject)
    child.once('close', code => resolve({ code, stdout, output }))
  })
}
