import { pino } from 'pino'
import { standardOutput } from './standard-output.ts'

/** `on` buffers lines and writes many at once. `sync` blocks the event loop for each line; an experiment uses it. */
export const accessLogModes = ['off', 'on', 'sync'] as const
export type AccessLogMode = (typeof accessLogModes)[number]

/** Below 16 KiB, which pino's stream writes at once. It refuses a buffer that does not fit into one write. */
const bufferBytes = 8 * 1024
const flushPeriodMs = 1_000

export interface AccessLine {
  method: string
  /** See `pathOf`. */
  path: string
  status: number
  durationMs: number
  /** null under `TELEMETRY=off`. */
  cpuUs: number | null
  traceId: string | undefined
}

export interface AccessLog {
  write(line: AccessLine): void
  /** Writes the buffered lines. The price of the buffer: a killed process loses up to a second of lines. */
  close(): Promise<void>
}

/** Structured access lines on standard output; null for `off`. */
export function createAccessLog(mode: AccessLogMode): AccessLog | null {
  if (mode === 'off') return null
  const output = standardOutput(
    mode === 'sync' ? { sync: true } : { sync: false, minLength: bufferBytes, periodicFlush: flushPeriodMs },
  )
  const logger = pino({ base: null, messageKey: 'event' }, output.stream)
  return {
    write: line => logger.info(line, 'request'),
    close: output.close,
  }
}
