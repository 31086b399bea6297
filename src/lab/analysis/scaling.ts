import type { Estimate, Sample, Scaling, UslFit } from '../results.ts'
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
    if (connections.length < fewestConcurrencies) return []
    if (sweep.some(({ rowsPerBatch }) => rowsPerBatch !== undefined && rowsPerBatch !== null)) {
      return { variant, connections, fits: [], ...kneeOfSweep(sweep, [noLawOfBatches]) }
    }
    const fitted = uslFit(sweep)
    return 'why' in fitted
      ? { variant, connections, fits: [], knee: null, notes: [`no fit: ${fitted.why}`] }
      : { variant, connections, fits: [fitted.fit], ...kneeOfSweep(sweep, fitted.notes) }
  })
}

const noLawOfBatches =
  'no fit: rows that share a batch cost less under a higher load, and the Universal Scalability Law cannot express that'

function kneeOfSweep(sweep: readonly Sample[], notes: string[]): Pick<Scaling, 'knee' | 'notes'> {
  const bend = kneeOf(
    sweep.map(sample => ({
      n: connectionsOf(sample),
      throughputPerS: sample.throughputPerS.median,
      latencyMs: meanLatencyMs(sample),
    })),
  )
  return bend.knee === null ? { knee: null, notes: [...notes, `no knee: ${bend.why}`] } : { ...bend, notes }
}

/** The asymptotes hold for means. For an old result without a mean, Little's law gives it. */
function meanLatencyMs(sample: Sample): number {
  const { mean, p50 } = sample.latencyMs
  return (mean ?? meanResponseMs(sample) ?? p50).median
}

/** Beyond it the law describes something else than what was measured. */
const errorWorthSaying = 0.15
/** Then its parameters say nothing: one fit that missed by 44 % had 137 % of the work done for one request at a time. */
const tooFar = 0.3

function uslFit(sweep: readonly Sample[]): { fit: UslFit; notes: string[] } | { why: string } {
  const ns = sweep.map(connectionsOf)
  const largest = Math.max(...ns)
  const fitTo = (rates: readonly (number | null)[]) =>
    fitUsl(ns.map((n, i) => ({ n, throughputPerS: rates[i] ?? 0 })))
  const measured = sweep.map(({ throughputPerS }) => throughputPerS.median)
  const fitted = fitTo(measured)
  if (fitted === null) return { why: 'in one of the steps nothing was answered' }
  const onFit = ns.map(n => throughputAt(fitted, n))
  const worstError = Math.max(...measured.map((rate, i) => Math.abs((onFit[i] ?? rate) / rate - 1)))
  const misses = `misses a measured point by ${number(worstError * 100)} %`
  if (worstError > tooFar) return { why: `the Universal Scalability Law ${misses}` }
  // Older results kept the median only.
  const groups = sweep.map(({ throughputPerS: { values, median } }) => values ?? [median])
  // One repeat has no spread to draw from.
  const isRepeated = groups.every(({ length }) => length > 1)
  const drawn = isRepeated
    ? bootstrap(groups, repeats => fitTo(repeats.map(median)), { resamples })
    : bootstrapResiduals({ fitted: onFit, measured, parameters: 3 }, fitTo, { resamples })
  const estimate = (of: (usl: Usl) => number) => estimated(of(fitted), drawn.map(of))
  const peak = peakOf(fitted)
  const peaks = drawn.flatMap(usl => peakOf(usl) ?? [])
  const fit: UslFit = {
    model: 'usl',
    lambdaPerS: estimate(({ lambdaPerS }) => lambdaPerS),
    sigma: estimate(({ sigma }) => sigma),
    kappa: estimate(({ kappa }) => kappa),
    peak: peak && {
      connections: estimated(
        peak.n,
        peaks.map(({ n }) => n),
      ),
      throughputPerS: estimated(
        peak.throughputPerS,
        peaks.map(({ throughputPerS }) => throughputPerS),
      ),
      measured: peak.n <= largest,
    },
    worstError,
  }
  const notes = [
    peak !== null &&
      peak.n > largest &&
      `the peak at ${number(peak.n)} connections is extrapolated: nothing beyond ${number(largest)} was measured`,
    !isRepeated && 'some steps were measured once: the intervals come from the errors of the fit',
    worstError > errorWorthSaying && `the fit ${misses}: read it with care`,
  ].filter(note => note !== false)
  return { fit, notes }
}

function estimated(value: number, drawn: readonly number[]): Estimate {
  const { low, high } = percentileInterval(drawn) ?? { low: value, high: value }
  return { value, low: Math.min(value, low), high: Math.max(value, high) }
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
