import * as Plot from '@observablehq/plot'
import type { CpuProfile } from '../../analysis/call-tree.ts'
import {
  helperThreads,
  type LayeredCall,
  layeredCalls,
  receiving,
  socketWrites,
} from '../../analysis/cpu-layers.ts'
import type { Sample } from '../../results.ts'
import { formatNumber, shorten } from '../format.ts'
import { visible } from '../html.ts'
import { axisX } from './axes.ts'
import { colours, isOfNode, layerColour, layersBySize } from './palette.ts'
import { fontSizePx, plotWidthPx, type ReportPlot } from './report-plot.ts'

/** One function, or a run of Node's own functions that call each other. */
interface Box {
  readonly text: string
  readonly layer: string
  readonly depth: number
  /** CPU a request, us: of the function and all that it calls. */
  readonly x1: number
  readonly x2: number
  readonly ownUs: number
}

const rowPx = 18
/** Narrower boxes are left out; a share of the plot's width. */
const narrowest = 0.01
const glyphPx = fontSizePx * 0.56
const marginPx = 14

/**
 * Who calls what, and what it costs: the profiles of a sample as an icicle (a flame graph with its root on
 * top), to the scale of the sample's CPU per request. null where the sample has no profile by layer or its
 * files are not at hand.
 */
export function flameGraph(
  sample: Sample,
  profiles: ReadonlyMap<string, CpuProfile>,
  colourOf = layerColour([sample]),
): ReportPlot | null {
  const files = sample.profile?.files ?? []
  const found = files.flatMap(file => profiles.get(file) ?? [])
  const { layersUs } = sample
  if (layersUs === undefined || found.length === 0) return null
  const calls = layeredCalls(found)
  const samples = weight(calls)
  if (samples === 0) return null
  const layers = layersBySize([sample])
  const totalUs = layers
    .filter(layer => layer !== helperThreads && layer !== receiving)
    .reduce((sum, layer) => sum + (layersUs[layer]?.median ?? 0), 0)
  const boxes = boxesBelow(calls, totalUs / samples)
  const sendingUs = layersUs[socketWrites]?.median ?? 0
  const shown = layers.filter(layer => boxes.some(box => box.layer === layer))
  const names = new Map(shown.map(layer => [colourOf(layer), nameInKey(layer, colourOf(layer))]))
  return {
    name: 'flame-graph',
    title:
      `Who calls what with “${shorten(sample.label, 60)}”: functions take ${formatNumber(totalUs)} µs of a request, ` +
      `${formatNumber(sendingUs)} µs of it in system calls that send`,
    key: [...names].map(([colour, text]) => ({ colour, text })),
    note:
      'Each box is a function. Its width is the CPU per request of the function and of the functions that it calls, which are ' +
      'below it. Several functions of a module of Node in a row are one box, and less than 1 % of the width is left out. The native part of the event loop and the helper threads have ' +
      `no functions, so they are missing. ${found.length === 1 ? 'One repeat' : `${found.length} repeats together`}. A browser’s DevTools ` +
      `(Performance, Load profile) open the raw profiles: ${files.join(', ')}.`,
    description: topBoxes(boxes),
    options: drawn(boxes, totalUs, colourOf),
  }
}

/** Layers may share a colour: the modules of Node do, and so do those that are too small for one of their own. */
function nameInKey(layer: string, colour: string): string {
  if (isOfNode(layer)) return 'modules of Node'
  return colour === colours.other ? 'all others' : layer
}

/** Lays out the callees of a call from left to right, the most expensive first. */
function boxesBelow(call: LayeredCall, usPerSample: number, depth = 0, x = 0): Box[] {
  let left = x
  return calleesOf(call)
    .map(callee => ({ callee, width: weight(callee) * usPerSample }))
    .filter(({ width }) => width > 0)
    .sort((a, b) => b.width - a.width)
    .flatMap(({ callee, width }) => {
      const x1 = left
      left += width
      const below = boxesBelow(callee, usPerSample, depth + 1, x1)
      if (callee.layer === null) return below
      const calledUs = calleesOf(callee).reduce((sum, one) => sum + weight(one), 0) * usPerSample
      const box = { text: textOf(callee), layer: callee.layer, depth, x1, x2: left, ownUs: width - calledUs }
      return [box, ...below]
    })
}

/** Functions of Node that are called by functions of Node are skipped: their callees move one level up. */
function calleesOf(call: LayeredCall): LayeredCall[] {
  return call.callees.flatMap(callee =>
    callee.isNode && call.isNode && callee.layer === call.layer ? calleesOf(callee) : [callee],
  )
}

/** Samples in a call and all below it, as far as they are shown. */
function weight(call: LayeredCall): number {
  const own = call.layer === null || call.layer === receiving ? 0 : call.self
  return call.callees.reduce((sum, callee) => sum + weight(callee), own)
}

function textOf({ name, place }: LayeredCall): string {
  return [name || '(anonymous)', place].filter(Boolean).join(' · ')
}

function topBoxes(boxes: readonly Box[]): string {
  return boxes
    .toSorted((a, b) => b.ownUs - a.ownUs)
    .slice(0, 8)
    .map(box => `${shorten(box.text, 60)} itself ${formatNumber(box.ownUs)} µs`)
    .join('; ')
}

function drawn(
  boxes: readonly Box[],
  totalUs: number,
  colourOf: (layer: string) => string,
): Plot.PlotOptions {
  const pxPerUs = (plotWidthPx - 2 * marginPx) / totalUs
  const shown = boxes.filter(box => box.x2 - box.x1 >= narrowest * totalUs)
  const rows = 1 + Math.max(...shown.map(box => box.depth))
  const lettersIn = (box: Box) => Math.floor(((box.x2 - box.x1) * pxPerUs - 8) / glyphPx)
  return {
    height: rows * rowPx + 56,
    marginLeft: marginPx,
    marginRight: marginPx,
    marginTop: 8,
    marginBottom: 48,
    x: { domain: [0, totalUs] },
    y: { domain: [rows, 0], axis: null },
    marks: [
      ...axisX('API CPU per request (µs)'),
      Plot.rect(shown, {
        x1: 'x1',
        x2: 'x2',
        y1: 'depth',
        y2: box => box.depth + 1,
        fill: box => colourOf(box.layer),
        fillOpacity: 0.45,
        inset: 0.5,
        title: box =>
          visible(
            `${box.text}\n${formatNumber(box.x2 - box.x1)} µs a request, ${formatNumber(box.ownUs)} µs of it itself (${box.layer})`,
          ),
      }),
      Plot.text(
        shown.filter(box => lettersIn(box) >= 4),
        {
          x: 'x1',
          y: box => box.depth + 0.5,
          text: box => shorten(visible(box.text), lettersIn(box)),
          textAnchor: 'start',
          dx: 4,
          fill: colours.ink,
          pointerEvents: 'none',
        },
      ),
    ],
  }
}
