import { LabError } from '../errors.ts'
import { percentilesIn, type StatedResult, unstated } from './stated-result.ts'

/** Reads what wrk or wrk2 prints, with `--latency` or without; null where the text is something else. */
export function readWrkOutput(text: string): StatedResult | null {
  const runs = text.match(/^\s*\d+ threads? and \d+ connections?$/gm) ?? []
  if (runs.length > 1) {
    throw new LabError(
      'LAB_RESULTS_UNREADABLE',
      `the file holds the output of ${runs.length} runs of wrk`,
      'Give a file with one run.',
    )
  }
  const [, threads, connections] = /^\s*(\d+) threads? and (\d+) connections?$/m.exec(text) ?? []
  const latency = /^\s*Latency\s+(\S+)\s+(\S+)\s+(\S+)\s+\S+%$/m.exec(text)?.slice(1).map(milliseconds)
  const [, requests, duration = ''] = /^\s*(\d+) requests in ([\d.]+\w+),/m.exec(text) ?? []
  const rate = /^Requests\/sec:\s+([\d.]+)$/m.exec(text)?.[1]
  const durationMs = milliseconds(duration)
  if (threads === undefined || latency === undefined || rate === undefined || durationMs === null) return null
  const [mean = null, deviation = null, max = null] = latency
  const distribution = [...text.matchAll(/^\s*([\d.]+%)\s+([\d.]+\w+)$/gm)].map(
    ([, percent = '', value = '']) => [percent, milliseconds(value)] as const,
  )
  const isWrk2 = text.includes('HdrHistogram')
  return {
    ...unstated,
    generator: 'wrk',
    users: Number(connections),
    loop: isWrk2 ? 'unknown' : 'closed',
    threads: Number(threads),
    durationS: durationMs / 1000,
    requests: Number(requests),
    ratePerS: Number(rate),
    failed: Number(/^\s*Non-2xx or 3xx responses: (\d+)$/m.exec(text)?.[1] ?? 0),
    unanswered: socketErrorsIn(text),
    latencyMs: {
      ...{ mean, min: null, max, deviation },
      percentiles: percentilesIn(Object.fromEntries(distribution), /^([\d.]+)%$/),
      // Two decimals of 1.00 or more, as it prints them.
      rounding: { ms: 0, share: 0.01 },
      addsUnsent: isWrk2 ? 'yes' : 'wrk',
    },
  }
}

function socketErrorsIn(text: string): number {
  const [, ...counts] =
    /^\s*Socket errors: connect (\d+), read (\d+), write (\d+), timeout (\d+)$/m.exec(text) ?? []
  return counts.reduce((sum, count) => sum + Number(count), 0)
}

const unitsMs: Readonly<Record<string, number>> = { us: 0.001, ms: 1, s: 1000, m: 60_000, h: 3_600_000 }

function milliseconds(text: string): number | null {
  const [, value, unit = ''] = /^([\d.]+)(us|ms|s|m|h)$/.exec(text) ?? []
  return value === undefined ? null : Number(value) * (unitsMs[unit] ?? 1)
}
