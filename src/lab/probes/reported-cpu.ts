import { setTimeout as pause } from 'node:timers/promises'
import { median } from '../analysis/figures.ts'

/** What the usual reading says one request cost. */
export interface ReportedCpu {
  /** Median `cpu_duration_naive`, us: `process.cpuUsage()` from start to end of the request; null: not told. */
  readonly naiveUs: number | null
  /** Answers received, so that they can be counted among the requests the service paid for. */
  readonly answered: number
}

/** Gives some hundred answers per window and adds very little load. */
const pauseBetweenMs = 10

/**
 * Asks `url` one request at a time while a load runs, and keeps what each answer says of its own
 * CPU by the usual reading. The ledger's word is not taken from the answers, where it is provisional, but
 * from the metrics.
 *
 * @returns a function that stops asking and gives the median
 */
export function sampleReportedCpu(url: string): () => Promise<ReportedCpu> {
  const naiveUs: number[] = []
  let answered = 0
  let stopped = false
  const asking = (async () => {
    while (!stopped) {
      const body = await ask(url)
      if (body !== null) {
        answered++
        const seconds = body['cpu_duration_naive']
        if (typeof seconds === 'number') naiveUs.push(seconds * 1e6)
      }
      await pause(pauseBetweenMs)
    }
  })()
  return async () => {
    stopped = true
    await asking
    return { naiveUs: median(naiveUs), answered }
  }
}

async function ask(url: string): Promise<Record<string, unknown> | null> {
  try {
    const response = await fetch(url, { signal: AbortSignal.timeout(5000) })
    const body: unknown = await response.json()
    return response.ok && typeof body === 'object' && body !== null ? { ...body } : null
  } catch {
    return null
  }
}
