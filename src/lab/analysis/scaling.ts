import type { Estimate, Figure, Sample, Scaling, UslFit } from '../results.ts'
import { bootstrap, bootstrapResiduals, percentileInterval } from './bootstrap.ts'
import { median } from './figures.ts'
import { kneeOf } from './knee.ts'
import { meanResponseMs } from './little.ts'
import { fewestConcurrencies, fitUsl, peakOf, throughputAt, type Usl } from './usl.ts'
import { number } from './wording.ts'

/** Fits are drawn anew this often; each takes some tens of microseconds. */
const resamples = 400

/**
 * How each variant scales that was measured at six or more concurrencies in a closed loop: the fitted law
 * with intervals, and the knee. A variant with batches gets no fit, because its demand falls with the load, which the
 * Universal Scalability Law cannot express.
 */
export function scalingOf(samples: readonly Sample[]): Scaling[] {
  const sweeps = Object.entries(Object.groupBy(samples.filter(isClosed), variantOf))
  return sweeps.flatMap(([variant, swept = []]) => {
    const sweep = swept.toSorted((a, b) => connectionsOf(a) - connectionsOf(b))
    const connections = [...new Set(sweep.map(connectionsOf))]
    return connections.length < fewestConcurrencies ? [] : [scalingOfSweep(variant, connections, sweep)]
  })
}

function scalingOfSweep(variant: string, connections: number[], sweep: readonly Sample[]): Scaling {
  const batched = sweep.some(({ rowsPerBatch }) => rowsPerBatch !== undefined && rowsPerBatch !== null)
  const { fits, notes } = batched ? ofBatches : uslFit(sweep, Math.max(...connections))
  if (fits.length === 0 && !batched) return { variant, connections, fits, knee: null, notes }
  const bend = kneeOf(
    sweep.map(sample => ({
      n: connectionsOf(sample),
      throughputPerS: sample.throughputPerS.median,
      latencyMs: meanLatencyMs(sample),
    })),
  )
  return {
    variant,
    connections,
    fits,
    knee: bend.knee && { connections: bend.knee.n, low: bend.knee.low, high: bend.knee.high },
    notes: bend.knee === null ? [...notes, `no knee: ${bend.why}`] : notes,
  }
}

/** The asymptotes hold for means. For an old result without a mean, Little's law gives it. */
function meanLatencyMs(sample: Sample): number {
  const { mean, p50 } = sample.latencyMs
  return (mean ?? meanResponseMs(sample) ?? p50).median
}

interface Fits {
  readonly fits: Scaling['fits']
  readonly notes: string[]
}

const ofBatches: Fits = {
  fits: [],
  notes: [
    'no fit: rows that share a batch cost less under a higher load, and the Universal Scalability Law cannot express that',
  ],
}

/** Beyond it the law describes something else than what was measured. */
const errorWorthSaying = 0.15
/** Then its parameters say nothing: one fit that missed by 44 % had 137 % of the work done for one request at a time. */
const tooFar = 0.3

function uslFit(sweep: readonly Sample[], largest: number): Fits {
  const ns = sweep.map(connectionsOf)
  const fitTo = (rates: readonly (number | null)[]) =>
    fitUsl(ns.map((n, i) => ({ n, throughputPerS: rates[i] ?? 0 })))
  const measured = sweep.map(({ throughputPerS }) => throughputPerS.median)
  const fitted = fitTo(measured)
  if (fitted === null) return { fits: [], notes: ['no fit: in one of the steps nothing was answered'] }
  const groups = sweep.map(({ throughputPerS }) => repeatsOf(throughputPerS))
  const onFit = ns.map(n => throughputAt(fitted, n))
  const drawn = isRepeated(groups)
    ? bootstrap(groups, repeats => fitTo(repeats.map(median)), { resamples })
    : bootstrapResiduals({ fitted: onFit, measured, parameters: 3 }, fitTo, { resamples })
  const estimate = (of: (usl: Usl) => number) => estimated(of(fitted), drawn.map(of))
  const peak = peakOf(fitted)
  const worstError = Math.max(...measured.map((rate, i) => Math.abs((onFit[i] ?? rate) / rate - 1)))
  if (worstError > tooFar) {
    return {
      fits: [],
      notes: [
        `no fit: the Universal Scalability Law misses a measured point by ${number(worstError * 100)} %`,
      ],
    }
  }
  const fit: UslFit = {
    model: 'usl',
    lambdaPerS: estimate(({ lambdaPerS }) => lambdaPerS),
    sigma: estimate(({ sigma }) => sigma),
    kappa: estimate(({ kappa }) => kappa),
    peak: peak && {
      connections: estimated(
        peak.n,
        drawn.flatMap(usl => peakOf(usl)?.n ?? []),
      ),
      throughputPerS: estimated(
        peak.throughputPerS,
        drawn.flatMap(usl => peakOf(usl)?.throughputPerS ?? []),
      ),
      measured: peak.n <= largest,
    },
    worstError,
  }
  return {
    fits: [fit],
    notes: [
      peak !== null &&
        peak.n > largest &&
        `the peak at ${number(peak.n)} connections is extrapolated: nothing beyond ${number(largest)} was measured`,
      ...doubtsOf(groups, worstError),
    ].filter(note => note !== false),
  }
}

/** What there is to mind about a fit to such repeats. */
function doubtsOf(groups: readonly (readonly number[])[], worstError: number): string[] {
  return [
    !isRepeated(groups) && 'some steps were measured once: the intervals come from the errors of the fit',
    worstError > errorWorthSaying &&
      `the fit misses a measured point by ${number(worstError * 100)} %: read it with care`,
  ].filter(doubt => doubt !== false)
}

/** One repeat has no spread to draw from. */
function isRepeated(groups: readonly (readonly unknown[])[]): boolean {
  return groups.every(({ length }) => length > 1)
}

function estimated(value: number, drawn: readonly number[]): Estimate {
  const { low, high } = percentileInterval(drawn) ?? { low: value, high: value }
  return { value, low: Math.min(value, low), high: Math.max(value, high) }
}

/** Older results kept the median only. */
function repeatsOf({ values, median }: Figure): readonly number[] {
  return values ?? [median]
}

function isClosed({ load }: Sample): boolean {
  return load.mode === 'closed' && load.connections !== undefined
}

function connectionsOf({ load }: Sample): number {
  return load.connections ?? 1
}

/** A sample's label without its load: `prepared` of `prepared, 64 connections`. */
export function variantOf({ label }: Sample): string {
  return label.replace(/, \d+ connections?$/, '')
}
