import * as Plot from '@observablehq/plot'
import { variantOf } from '../../analysis/scaling.ts'
import { throughputAt, type Usl } from '../../analysis/usl.ts'
import type { Estimate, ExperimentResult, Figure, Sample, Scaling, UslFit } from '../../results.ts'
import {
  figureInText,
  formatEstimate,
  formatNumber,
  formatRepeats,
  formatSetting,
  shorten,
} from '../format.ts'
import { colours } from './palette.ts'
import type { ReportPlot } from './report-plot.ts'
import { ceilingMarks, layOutPlane, overMarks } from './xy.ts'

interface Curve {
  readonly points: readonly { readonly x: number; readonly figure: Figure }[]
  readonly usl: Usl | null
  readonly lastMeasured: number
  /** As far as the law is drawn. */
  readonly lastDrawn: number
  readonly knee: Scaling['knee']
  readonly ceiling: Figure | null
}

/** How far beyond what was measured the law may be drawn, as a factor of the largest concurrency. */
const furthest = 2

/**
 * Throughput over concurrent clients as measured, with the Universal Scalability Law that fits it, the knee and
 * the predicted ceiling: one plot a variant that was swept far enough. Beyond the largest concurrency measured
 * the law is drawn only as far as its peak, dashed, and called extrapolated.
 */
export function scalingCurves({ samples, scaling = [], verdict: diagnosis }: ExperimentResult): ReportPlot[] {
  return scaling.flatMap(one => {
    const fit = one.fits.find(candidate => candidate.model === 'usl')
    const swept = samples.filter(sample => isOf(sample, one))
    return swept.length < 2 || (fit === undefined && one.knee === null)
      ? []
      : [scalingCurve(one, fit ?? null, swept, diagnosis.ceiling)]
  })
}

/** Whether a sample is a step of this sweep. */
export function isOf(sample: Sample, { variant, connections }: Scaling): boolean {
  const { mode, connections: own } = sample.load
  return mode === 'closed' && own !== undefined && connections.includes(own) && variantOf(sample) === variant
}

function scalingCurve(
  { variant, knee, notes }: Scaling,
  fit: UslFit | null,
  swept: readonly Sample[],
  ceiling: ExperimentResult['verdict']['ceiling'],
): ReportPlot {
  const points = swept
    .map(({ load, throughputPerS }) => ({ x: load.connections ?? 1, figure: throughputPerS }))
    .toSorted((a, b) => a.x - b.x)
  const lastMeasured = points.at(-1)?.x ?? 1
  const peak = fit?.peak ?? null
  const curve: Curve = {
    points,
    usl: fit && { lambdaPerS: fit.lambdaPerS.value, sigma: fit.sigma.value, kappa: fit.kappa.value },
    lastMeasured,
    lastDrawn:
      peak === null || peak.measured
        ? lastMeasured
        : Math.min(peak.connections.value, furthest * lastMeasured),
    knee,
    ceiling: points.some(({ figure }) => isSame(figure, ceiling?.measuredPerS))
      ? (ceiling?.predictedPerS ?? null)
      : null,
  }
  return {
    name: 'scaling-curve',
    title: titleOf(variant, curve),
    key: fit === null ? [] : [{ colour: colours.api, text: 'Universal Scalability Law, fitted' }],
    note: [
      `Dots: measured, median of ${formatRepeats(points.map(({ figure }) => figure))}, whiskers from lowest to highest.`,
      fit === null ? '' : parameters(fit),
      ...notes.map(note => `${note[0]?.toUpperCase()}${note.slice(1)}.`),
    ]
      .filter(Boolean)
      .join(' '),
    description: points
      .map(({ x, figure }) => `${formatSetting(x)} clients: ${figureInText(figure, 'req/s')}`)
      .join('; '),
    draw: widthPx => draw(curve, widthPx),
  }
}

function titleOf(variant: string, { knee, points }: Curve): string {
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

function isSame(figure: Figure, other: Figure | undefined): boolean {
  return figure.median === other?.median && figure.low === other.low && figure.high === other.high
}

const curvePoints = 80

/** The law between two concurrencies, in steps of equal ratio. */
function along(usl: Usl, from: number, to: number): { x: number; y: number }[] {
  return Array.from({ length: curvePoints + 1 }, (_, i) => {
    const x = from * (to / from) ** (i / curvePoints)
    return { x, y: throughputAt(usl, x) }
  })
}

function draw(
  { points, usl, lastMeasured, lastDrawn, knee, ceiling }: Curve,
  widthPx: number,
): Plot.PlotOptions {
  const first = points[0]?.x ?? 1
  const fitted = usl === null ? [] : along(usl, first, lastMeasured)
  const beyond = usl === null || lastDrawn <= lastMeasured ? [] : along(usl, lastMeasured, lastDrawn)
  const figures = [...points.map(({ figure }) => figure), ...(ceiling ? [ceiling] : [])]
  const { options } = layOutPlane({
    widthPx,
    xs: points.map(({ x }) => x),
    xLabel: 'concurrent clients',
    xDomain: [first, lastDrawn],
    ys: [0, ...figures.flatMap(({ low, high }) => [low, high]), ...[...fitted, ...beyond].map(({ y }) => y)],
    yLabel: 'throughput (req/s)',
    marginRight: 24,
  })
  const line = { x: 'x', y: 'y', stroke: colours.api, strokeWidth: 2 } as const
  return {
    ...options,
    marks: [
      ...(options.marks ?? []),
      ...(knee ? kneeMarks(knee, first) : []),
      ...(ceiling ? ceilingMarks(ceiling) : []),
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
      Plot.ruleX(
        points.filter(({ figure }) => figure.repeats > 1),
        {
          x: 'x',
          y1: p => p.figure.low,
          y2: p => p.figure.high,
          stroke: colours.ink,
          strokeWidth: 1.5,
        },
      ),
      Plot.dot(points, { x: 'x', y: p => p.figure.median, r: 4, fill: colours.ink }),
    ],
  }
}

function kneeMarks(knee: NonNullable<Scaling['knee']>, first: number): Plot.Markish[] {
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
