import * as Plot from '@observablehq/plot'
import { helperThreads } from '../../analysis/cpu-layers.ts'
import { figureOf } from '../../analysis/figures.ts'
import type { Figure, Sample } from '../../results.ts'
import { figureInText, formatFigure, formatNumber, formatRepeats, scaleFigure, shorten } from '../format.ts'
import { valueAxisX } from './axes.ts'
import { colours, layerColour } from './palette.ts'
import type { ReportPlot } from './report-plot.ts'
import { layOutRows, roomForPx, rowPlot, rowValues } from './rows.ts'

interface Step {
  layer: string
  figure: Figure
  x1: number
  x2: number
}

/**
 * Where the API's CPU goes: a waterfall, one step a layer, the largest first, whose end is the whole
 * request. One plot a sample that has a profile; none where there is no profile.
 */
export function cpuByLayer(samples: readonly Sample[]): ReportPlot[] {
  const order = layersBySize(samples)
  return samples.flatMap(sample => {
    const steps = stepsOf(sample, order)
    return steps.length > 0 ? [waterfall(sample, steps, layerColour(samples))] : []
  })
}

function waterfall(sample: Sample, steps: readonly Step[], colourOf: (layer: string) => string): ReportPlot {
  const outside = sample.cpuPerRequestUs.api
  const total = steps.at(-1)?.x2 ?? 0
  const largest = steps.toSorted((a, b) => b.figure.median - a.figure.median)[0]
  const share = largest && total > 0 ? Math.round((100 * largest.figure.median) / total) : 0
  return {
    name: 'cpu-by-layer',
    title: `Where the CPU goes with “${shorten(sample.label, 60)}”: the largest part of ${formatNumber(total)} µs, ${share} %, is ${shorten(largest?.layer ?? '', 60)}`,
    key: [],
    note: [
      `${samplerOf(sample)} folded by layer, taken in a window of its own and scaled to the measured one; median of ${formatRepeats(steps.map(step => step.figure))}, in brackets the lowest and highest.`,
      outside ? `Dashed line: CPU of the process per request, ${figureInText(outside, 'µs')}.` : '',
      ...trust(sample),
    ].join(' '),
    description: steps.map(step => `${step.layer} ${figureInText(step.figure, 'µs')}`).join('; '),
    draw: widthPx => draw(steps, outside, colourOf, widthPx),
  }
}

/** What took the profile, by the ending of its file. */
function samplerOf({ profile }: Sample): string {
  const [file = ''] = profile?.files ?? []
  if (file.endsWith('.pb.gz')) return 'Go’s own sampled profile'
  return file.endsWith('.stacks.txt') ? 'Stacks sampled by py-spy,' : 'Sampled V8 profile'
}

/** How far the profile was from the process's CPU before it was scaled, and what it cannot show. */
function trust(sample: Sample): string[] {
  const { layersUs, profile } = sample
  const { agreement = null } = profile ?? {}
  if (samplerOf(sample).includes('py-spy'))
    return [
      'C code counts as part of the Python function that called it. py-spy shows some waiting threads as running, which matters where the service uses little CPU.',
    ]
  if (samplerOf(sample).includes('Go'))
    return ['It contains all threads. A system call counts as part of the function that made it.']
  return [
    agreement === null
      ? ''
      : `Before scaling, the functions in the profile had ${figureInText(scaleFigure(agreement, 100), '%')} of the main thread’s CPU. ${agreement.median > 1 ? overSeen : underSeen}`,
    layersUs?.[helperThreads]
      ? 'Helper threads (of the garbage collector and of libuv) are not in a profile of the main thread; their CPU comes from the ledger.'
      : 'Helper threads (of the garbage collector and of libuv) are not in a profile of the main thread; their CPU is spread over the layers.',
  ].filter(Boolean)
}

const underSeen =
  'The rest is native work of the event loop (polling, reading, parsing HTTP), which V8 counts as idle, and on a busy host samples that were missed.'
const overSeen =
  'On a busy host, the profile also has samples from times in which the thread waited for a core.'

/** One order for all samples, so that their waterfalls can be compared step by step. */
function layersBySize(samples: readonly Sample[]): string[] {
  const largest = new Map<string, number>()
  for (const [layer, figure] of samples.flatMap(sample => Object.entries(sample.layersUs ?? {})))
    largest.set(layer, Math.max(figure.median, largest.get(layer) ?? 0))
  return [...largest].toSorted(([, a], [, b]) => b - a).map(([layer]) => layer)
}

const smallLayers = 'all others'
const smallShare = 0.01
const fewLayers = 12

/** A service has dozens of packages: those of less than a hundredth each become one step. The table lists all. */
function withoutSmall(layersUs: NonNullable<Sample['layersUs']>): Record<string, Figure> {
  const all = Object.entries(layersUs)
  const totalUs = all.reduce((sum, [, { median }]) => sum + median, 0)
  const small = all.filter(([, { median }]) => median < smallShare * totalUs)
  if (all.length <= fewLayers || small.length < 2) return layersUs
  const repeats = small[0]?.[1].values ?? []
  const together = figureOf(
    repeats.map((_, repeat) => small.reduce((sum, [, { values }]) => sum + (values?.[repeat] ?? 0), 0)),
  )
  if (together === null) return layersUs
  return { ...Object.fromEntries(all.filter(one => !small.includes(one))), [smallLayers]: together }
}

function stepsOf(sample: Sample, order: readonly string[]): Step[] {
  let end = 0
  const shown = withoutSmall(sample.layersUs ?? {})
  return [...order, smallLayers].flatMap(layer => {
    const figure = shown[layer]
    if (figure === undefined) return []
    const x1 = end
    end += figure.median
    return [{ layer, figure, x1, x2: end }]
  })
}

function draw(
  steps: readonly Step[],
  outside: Figure | null,
  colourOf: (layer: string) => string,
  widthPx: number,
): Plot.PlotOptions {
  const texts = steps.map(step => figureInText(step.figure, 'µs'))
  const textPx = roomForPx(texts)
  const rows = layOutRows(
    steps.map(step => step.layer),
    { widthPx, valuesPx: widthPx < 500 ? 80 : textPx },
  )
  const ends = steps.map(step => step.x2)
  const axis = valueAxisX(
    outside ? [...ends, outside.median] : ends,
    'API CPU per request (µs)',
    rows.innerWidthPx,
  )
  const end = axis.scale.domain[1]
  /** Where a value stands: behind its bar, or behind the dashed line where that would run through it. */
  const besides = (x: number) => {
    const isCrossed =
      outside !== null && x < outside.median && outside.median < x + (textPx / rows.innerWidthPx) * end
    return isCrossed ? outside.median : x
  }
  const indexed = steps.map((step, row) => ({ ...step, row }))
  return rowPlot(rows, axis.scale, [
    ...axis.marks,
    ...(outside ? [Plot.ruleX([outside.median], { stroke: colours.ink, strokeDasharray: '4 3' })] : []),
    Plot.barX(indexed, {
      y: 'row',
      x1: 'x1',
      x2: 'x2',
      fill: step => colourOf(step.layer),
      insetTop: rows.barInset,
      insetBottom: rows.barInset,
      dy: rows.dy,
    }),
    rowValues(
      indexed.map(({ row, x2, figure }) => ({
        row,
        x: besides(x2),
        text: rows.labelsAbove ? `${formatFigure(figure).median} µs` : (texts[row] ?? ''),
      })),
      rows,
    ),
  ])
}
