/** Exit codes of the lab's command line; part of its contract. */
export const exitCodes = { done: 0, assertionFailed: 1, usage: 2, environment: 3, interrupted: 130 } as const

/** Runs a command, and gives its exit code: that of an interruption if it failed because of one. */
export async function exitCodeOf(signal: AbortSignal, command: () => Promise<number>): Promise<number> {
  try {
    return await command()
  } catch (error) {
    if (signal.aborted) return exitCodes.interrupted
    throw error
  }
}

/**
 * Everything the lab can refuse, with a stable code. The message is one line that says what is wrong and
 * where; `remedy` says what to do about it.
 */
export class LabError extends Error {
  readonly code: LabErrorCode
  readonly remedy: string

  constructor(code: LabErrorCode, message: string, remedy: string, options?: ErrorOptions) {
    super(message, options)
    this.name = 'LabError'
    this.code = code
    this.remedy = remedy
  }

  get exitCode(): number {
    return errorExitCodes[this.code]
  }
}

const errorExitCodes = {
  LAB_USAGE: exitCodes.usage,
  LAB_NO_POSTGRES_BINARY: exitCodes.environment,
  LAB_POSTGRES_START: exitCodes.environment,
  LAB_SERVICE_START: exitCodes.environment,
  LAB_LOAD_GENERATOR: exitCodes.environment,
  LAB_TARGET: exitCodes.environment,
  LAB_RESULTS_UNREADABLE: exitCodes.usage,
  LAB_PLAN: exitCodes.usage,
} as const
export type LabErrorCode = keyof typeof errorExitCodes

export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}

/** The code of an error of Node or of pg, such as `ENOENT`; empty: it has none. */
export function codeOf(error: unknown): string {
  return error instanceof Error && 'code' in error ? String(error.code) : ''
}
