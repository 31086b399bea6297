import type { ExperimentResult, Figure, Sample } from '../results.ts'

/**
 * The sample that the verdict is about: the one that it names, or whose throughput it holds against the ceiling, or
 * else the one with the highest throughput. null of no samples.
 */
export function accusedSample({ samples, verdict }: ExperimentResult): Sample | null {
  const measured = verdict.ceiling?.measuredPerS
  return (
    samples.find(({ label }) => label === verdict.accused) ??
    samples.find(({ throughputPerS }) => measured !== undefined && isSame(throughputPerS, measured)) ??
    samples.toSorted((a, b) => b.throughputPerS.median - a.throughputPerS.median)[0] ??
    null
  )
}

function isSame(a: Figure, b: Figure): boolean {
  return a.median === b.median && a.low === b.low && a.high === b.high
}
