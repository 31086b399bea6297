import * as Plot from '@observablehq/plot'
import { helperThreads } from '../../analysis/cpu-layers.ts'
import { figureOf } from '../../analysis/figures.ts'
import type { Figure, Sample } from '../../results.ts'
import { figureInText, formatNumber, formatRepeats, scaleFigure, shorten } from '../format.ts'
import { valueAxis } from './axes.ts'
import { colours, layerColour, layersBySize } from './palette.ts'
import type { ReportPlot } from './report-plot.ts'
import { barMarks, rowPlot } from './rows.ts'

interface Layer {
  readonly layer: string
  readonly figure: Figure
}

/**
 * Where the API's CPU goes: a waterfall, one step a layer, the largest first, whose end is the whole
 * request. One plot a sample that has a profile; none where there is no profile.
 */
export function cpuByLayer(samples: readonly Sample[]): ReportPlot[] {
  const order = layersBySize(samples)
  return samples.flatMap(sample => {
    const layers = order.flatMap((layer): Layer[] => {
      const figure = sample.layersUs?.[layer]
      return figure === undefined ? [] : [{ layer, figure }]
    })
    return layers.length > 0 ? [waterfall(sample, layers, layerColour(samples))] : []
  })
}

function waterfall(sample: Sample, all: readonly Layer[], colourOf: (layer: string) => string): ReportPlot {
  const { layers, small } = withoutSmall(all)
  const sampler = samplerOf(sample)
  const outside = sample.cpuPerRequestUs.api
  let totalUs = 0
  const bars = layers.map(({ layer, figure }, row) => {
    const x1 = totalUs
    totalUs += figure.median
    return { row, x1, x2: totalUs, colour: colourOf(layer) }
  })
  const largest = layers.toSorted((a, b) => b.figure.median - a.figure.median)[0]
  const share = largest && totalUs > 0 ? Math.round((100 * largest.figure.median) / totalUs) : 0
  const texts = layers.map(({ figure }) => figureInText(figure, 'µs'))
  return {
    name: 'cpu-by-layer',
    title: `Where the CPU goes with “${shorten(sample.label, 60)}”: the largest part of ${formatNumber(totalUs)} µs, ${share} %, is ${shorten(largest?.layer ?? '', 60)}`,
    key: [],
    note: [
      `${sampler.name} folded by layer, taken in a window of its own and scaled to the measured one; median of ${formatRepeats(layers.map(({ figure }) => figure))}, in brackets the lowest and highest.`,
      ...(outside ? [`Dashed line: CPU of the process per request, ${figureInText(outside, 'µs')}.`] : []),
      sampler.limits,
      ...(small.length > 0 ? [`Below 1 % each, together ${smallLayers}: ${small.join(', ')}.`] : []),
    ].join(' '),
    description: layers.map(({ layer }, row) => `${layer} ${texts[row]}`).join('; '),
    options: rowPlot({
      labels: layers.map(({ layer }) => layer),
      values: texts,
      axis: valueAxis([totalUs, outside?.median ?? 0], 'API CPU per request (µs)'),
      marks: [
        ...(outside ? [Plot.ruleX([outside.median], { stroke: colours.ink, strokeDasharray: '4 3' })] : []),
        ...barMarks(bars),
      ],
    }),
  }
}

/** What took the profile, by the ending of its file, and what it cannot show. */
function samplerOf(sample: Sample): { name: string; limits: string } {
  const [file = ''] = sample.profile?.files ?? []
  if (file.endsWith('.stacks.txt')) return { name: 'Stacks sampled by py-spy,', limits: limitsOfPySpy }
  if (file.endsWith('.pb.gz')) return { name: 'Go’s own sampled profile', limits: limitsOfGo }
  return { name: 'Sampled V8 profile', limits: limitsOfV8(sample) }
}

const limitsOfPySpy =
  'C code counts as part of the Python function that called it. py-spy shows some waiting threads as running, which matters where the service uses little CPU.'
const limitsOfGo = 'It contains all threads. A system call counts as part of the function that made it.'

/** Also how far the profile was from the process's CPU before it was scaled. */
function limitsOfV8({ layersUs, profile }: Sample): string {
  const agreement = profile?.agreement ?? null
  const helpers = `Helper threads (of the garbage collector and of libuv) are not in a profile of the main thread; their CPU ${layersUs?.[helperThreads] ? 'comes from the ledger' : 'is spread over the layers'}.`
  if (agreement === null) return helpers
  const difference =
    agreement.median > 1
      ? 'On a busy host, the profile also has samples from times in which the thread waited for a core.'
      : 'The rest is native work of the event loop (polling, reading, parsing HTTP), which V8 counts as idle, and on a busy host samples that were missed.'
  return `Before scaling, the functions in the profile had ${figureInText(scaleFigure(agreement, 100), '%')} of the main thread’s CPU. ${difference} ${helpers}`
}

const smallLayers = 'all others'
const smallShare = 0.01
const fewLayers = 12

/** A service has dozens of packages: those of less than a hundredth each become one step, the last. */
function withoutSmall(all: readonly Layer[]): { layers: readonly Layer[]; small: readonly string[] } {
  const totalUs = all.reduce((sum, { figure }) => sum + figure.median, 0)
  const isSmall = ({ figure }: Layer) => figure.median < smallShare * totalUs
  const small = all.filter(isSmall)
  const repeats = small[0]?.figure.values ?? []
  const together = figureOf(
    repeats.map((_, repeat) => small.reduce((sum, { figure }) => sum + (figure.values?.[repeat] ?? 0), 0)),
  )
  if (all.length <= fewLayers || small.length < 2 || together === null) return { layers: all, small: [] }
  return {
    layers: [...all.filter(layer => !isSmall(layer)), { layer: smallLayers, figure: together }],
    small: small.map(({ layer }) => layer),
  }
}
