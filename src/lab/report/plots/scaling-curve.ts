import * as Plot from '@observablehq/plot'
import { variantOf } from '../../analysis/scaling.ts'
import { throughputAt, type Usl } from '../../analysis/usl.ts'
import { capitalised } from '../../analysis/wording.ts'
import type { Estimate, ExperimentResult, Figure, Sample, Scaling, UslFit } from '../../results.ts'
import { formatEstimate, formatNumber, formatRepeats, formatSetting, shorten } from '../format.ts'
import { colours } from './palette.ts'
import type { ReportPlot } from './report-plot.ts'
import { described } from './rows.ts'
import { overMarks, type Point, planePlot } from './xy.ts'

/** How far beyond what was measured the law may be drawn, as a factor of the largest concurrency. */
const furthest = 2

/**
 * Throughput over concurrent clients as measured, with the Universal Scalability Law that fits it, the knee and
 * the predicted ceiling: one plot a variant that was swept far enough. Beyond the largest concurrency measured
 * the law is drawn only as far as its peak, dashed, and called extrapolated.
 */
export function scalingCurves({ samples, scaling = [], verdict: diagnosis }: ExperimentResult): ReportPlot[] {
  return scaling.flatMap(one => {
    const fit = one.fits.find(candidate => candidate.model === 'usl') ?? null
    const swept = samples.filter(sample => isOf(sample, one))
    if (swept.length < 2 || (fit === null && one.knee === null)) return []
    const isDiagnosed = swept.some(({ label }) => label === diagnosis.accused)
    return [scalingCurve(one, fit, swept, isDiagnosed ? (diagnosis.ceiling?.predictedPerS ?? null) : null)]
  })
}

/** Whether a sample is a step of this sweep. */
function isOf(sample: Sample, { variant, connections }: Scaling): boolean {
  const { mode, connections: own } = sample.load
  return mode === 'closed' && own !== undefined && connections.includes(own) && variantOf(sample) === variant
}

function scalingCurve(
  { variant, knee, notes }: Scaling,
  fit: UslFit | null,
  swept: readonly Sample[],
  ceiling: Figure | null,
): ReportPlot {
  const points = swept
    .map(({ load, throughputPerS }) => ({
      x: load.connections ?? 1,
      figure: throughputPerS,
      colour: colours.ink,
    }))
    .toSorted((a, b) => a.x - b.x)
  const figures = points.map(({ figure }) => figure)
  const [first, last] = [points[0]?.x ?? 1, points.at(-1)?.x ?? 1]
  const peak = fit?.peak ?? null
  const lastDrawn = peak === null || peak.measured ? last : Math.min(peak.connections.value, furthest * last)
  const fitted = lawBetween(fit, first, last)
  const beyond = lastDrawn > last ? lawBetween(fit, last, lastDrawn) : []
  const line = { x: 'x', y: 'y', stroke: colours.api, strokeWidth: 2 } as const
  return {
    name: 'scaling-curve',
    title: titleOf(variant, knee, points),
    key: fit === null ? [] : [{ colour: colours.api, text: 'Universal Scalability Law, fitted' }],
    note: [
      `Dots: measured, median of ${formatRepeats(figures)}, whiskers from lowest to highest.`,
      ...(fit === null ? [] : [parameters(fit)]),
      ...notes.map(note => `${capitalised(note)}.`),
    ].join(' '),
    description: described(
      points.map(({ x, figure }) => ({ label: `${formatSetting(x)} clients`, figure })),
      'req/s',
    ),
    options: planePlot({
      xLabel: 'concurrent clients',
      points,
      ceiling,
      curve: [...fitted, ...beyond],
      marks: [
        ...kneeMarks(knee, first),
        Plot.lineY(fitted, line),
        Plot.lineY(beyond, { ...line, strokeDasharray: '5 4' }),
        Plot.text(beyond.slice(-1), {
          x: 'x',
          y: 'y',
          text: () => 'extrapolated',
          fill: colours.api,
          textAnchor: 'end',
          dy: 16,
          ...overMarks,
        }),
      ],
    }),
  }
}

function titleOf(variant: string, knee: Scaling['knee'], points: readonly Point[]): string {
  const name = `“${shorten(variant, 60)}”`
  if (knee === null) {
    const [first, last] = [points[0], points.at(-1)]
    const growth = first && last ? last.figure.median / first.figure.median : 1
    return `${name} from ${formatSetting(first?.x ?? 1)} to ${formatSetting(last?.x ?? 1)} clients: ${formatNumber(growth, 2)} times the throughput`
  }
  return `With ${name} more than ${formatNumber(knee.connections, 2)} clients (${formatNumber(knee.low, 2)}–${formatNumber(knee.high, 2)}) mostly wait`
}

function parameters({ lambdaPerS, sigma, kappa, worstError }: UslFit): string {
  return [
    `The fitted law: one client alone gets ${formatEstimate(lambdaPerS)} req/s (λ);`,
    `${formatEstimate(times100(sigma))} % of a request’s work is done for one request at a time (σ);`,
    `each pair of clients adds ${formatEstimate(times100(kappa))} % for coordination (κ);`,
    '95 % bootstrap intervals.',
    `Every measured median is within ${Math.ceil(100 * worstError)} % of the law.`,
  ].join(' ')
}

function times100({ value, low, high }: Estimate): Estimate {
  return { value: 100 * value, low: 100 * low, high: 100 * high }
}

const curvePoints = 80

/** The law between two concurrencies, in steps of equal ratio; empty without a fit. */
function lawBetween(fit: UslFit | null, from: number, to: number): { x: number; y: number }[] {
  if (fit === null) return []
  const usl: Usl = { lambdaPerS: fit.lambdaPerS.value, sigma: fit.sigma.value, kappa: fit.kappa.value }
  return Array.from({ length: curvePoints + 1 }, (_, i) => {
    const x = from * (to / from) ** (i / curvePoints)
    return { x, y: throughputAt(usl, x) }
  })
}

function kneeMarks(knee: Scaling['knee'], first: number): Plot.Markish[] {
  if (knee === null) return []
  const at = [{ x: knee.connections, low: Math.max(first, knee.low), high: knee.high }]
  return [
    Plot.rectX(at, { x1: 'low', x2: 'high', fill: colours.muted, fillOpacity: 0.12 }),
    Plot.ruleX(at, { x: 'x', stroke: colours.muted }),
    Plot.text(at, {
      x: 'x',
      frameAnchor: 'bottom',
      text: () => `knee ${formatNumber(knee.connections, 2)}`,
      textAnchor: 'start',
      dx: 6,
      dy: -8,
      fill: colours.muted,
      ...overMarks,
    }),
  ]
}
