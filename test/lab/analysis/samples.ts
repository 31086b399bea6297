import type { Circumstances } from '../../../src/lab/analysis/diagnosis/case.ts'
import type { Figure, Sample } from '../../../src/lab/results.ts'

/** A figure of three repeats, five per cent to either side. */
export function figure(median: number): Figure {
  return { median, low: median * 0.95, high: median * 1.05, repeats: 3 }
}

export const dedicated: Circumstances = { cores: 8, sharedCores: false, stealRatio: 0, speedSpread: 1.05 }
export const laptop: Circumstances = { cores: 2, sharedCores: true, stealRatio: 0, speedSpread: 1.05 }

type Change = Partial<Omit<Sample, 'utilisation'>> & { utilisation?: Partial<Sample['utilisation']> }

/** A sample of 64 connections at 10,000 requests/s on which nothing is anywhere near full. */
export function sample({ utilisation, ...change }: Change = {}): Sample {
  return {
    label: 'prepared, 64 connections',
    knobs: {},
    load: { generator: 'k6', mode: 'closed', connections: 64, durationS: 3 },
    throughputPerS: figure(10_000),
    latencyMs: { p50: figure(6), p90: figure(8), p99: figure(12), max: figure(40) },
    cpuPerRequestUs: { api: figure(50), database: figure(60), generator: figure(15) },
    utilisation: {
      api: figure(0.5),
      apiThread: figure(0.5),
      database: figure(0.6),
      generator: figure(0.15),
      host: figure(1.3),
      ...utilisation,
    },
    errors: { ratio: figure(0), dropped: figure(0) },
    ...change,
  }
}
