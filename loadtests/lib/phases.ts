import type { Options } from 'k6/options'
import { milliseconds, type SummaryData, value } from './summary.ts'

/** `1m30s` in seconds; the notation is k6's. */
export function toSeconds(duration: string): number {
  const unitS: Record<string, number> = { ms: 0.001, s: 1, m: 60, h: 3600 }
  return [...duration.matchAll(/([\d.]+)(ms|s|m|h)/g)].reduce(
    (sum, [, amount, unit]) => sum + Number(amount) * (unitS[unit ?? ''] ?? Number.NaN),
    0,
  )
}

/** A part of a test that is judged by itself: the k6 scenario of that name, and so the `scenario` tag of its figures. */
export interface Phase {
  name: string
  startS: number
  durationS: number
}

/** A second between two phases lets the answers of one arrive before the next begins. */
export const pauseS = 1

/** The parts, one after the other. */
export function inSequence<Part extends { name: string; durationS: number }>(
  parts: readonly Part[],
): (Part & Phase)[] {
  let startS = 0
  return parts.map(part => {
    const phase = { ...part, startS }
    startS += part.durationS + pauseS
    return phase
  })
}

/** Thresholds that always hold: k6 keeps the figures of one scenario only where a threshold asks for them. */
export function keepFigures(scenario: string): NonNullable<Options['thresholds']> {
  const of = `{scenario:${scenario}}`
  return {
    [`http_reqs${of}`]: ['count>=0'],
    [`http_req_duration${of}`]: ['max>=0'],
    [`http_req_failed${of}`]: ['rate>=0'],
    [`dropped_iterations${of}`]: ['count>=0'],
  }
}

/** One line a phase: throughput and latency. */
export function describePhases(phases: readonly Phase[], data: SummaryData): string {
  const width = Math.max(...phases.map(({ name }) => name.length))
  const lines = phases.map(({ name, durationS }) => {
    const figure = (metric: string, statistic: string) =>
      value(data, `${metric}{scenario:${name}}`, statistic)
    const requests = figure('http_reqs', 'count') ?? 0
    const failed = figure('http_req_failed', 'rate') ?? 0
    return [
      `  ${name.padEnd(width)}`,
      `${(requests / durationS).toFixed(0).padStart(6)}/s`,
      `p50 ${milliseconds(figure('http_req_duration', 'med')).padStart(9)}`,
      `p99 ${milliseconds(figure('http_req_duration', 'p(99)')).padStart(9)}`,
      `failed ${(failed * 100).toFixed(2)} %`,
      `dropped ${figure('dropped_iterations', 'count') ?? 0}`,
    ].join('  ')
  })
  return [...lines, '', ''].join('\n')
}
