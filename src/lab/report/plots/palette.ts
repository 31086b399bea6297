import { collector, helperThreads, receiving, socketWrites } from '../../analysis/cpu-layers.ts'
import type { Sample } from '../../results.ts'

/**
 * Colours by name; report.css gives each a value for light and for dark. A process keeps its hue in every
 * plot. Blue, orange and grey stay apart in all common colour-vision deficiencies.
 */
export const colours = {
  ink: 'var(--ink)',
  muted: 'var(--muted)',
  grid: 'var(--grid)',
  /** Everything that has no colour of its own. */
  other: 'var(--other)',
  page: 'var(--page)',
  api: 'var(--api)',
  database: 'var(--database)',
  generator: 'var(--generator)',
  naive: 'var(--naive)',
} as const

export const processes = [
  { id: 'api', name: 'API', colour: colours.api },
  { id: 'database', name: 'PostgreSQL', colour: colours.database },
  { id: 'generator', name: 'load generator', colour: colours.generator },
] as const

/** The kernel has warm colours, so that system calls stand out from code. */
const layerColours: Readonly<Record<string, string>> = {
  [socketWrites]: 'var(--database)',
  [receiving]: 'var(--series-7)',
  [collector]: 'var(--series-8)',
  [helperThreads]: 'var(--generator)',
}

/** Whether a layer is a module of Node. They have one colour together. */
export function isOfNode(layer: string): boolean {
  return layer.startsWith('node:')
}

/** The layers of all samples, the largest first: one order, so that samples can be compared layer by layer. */
export function layersBySize(samples: readonly Pick<Sample, 'layersUs'>[]): string[] {
  const largestUs = new Map<string, number>()
  for (const [layer, { median }] of samples.flatMap(({ layersUs = {} }) => Object.entries(layersUs)))
    largestUs.set(layer, Math.max(median, largestUs.get(layer) ?? 0))
  return [...largestUs].toSorted(([, a], [, b]) => b - a).map(([layer]) => layer)
}

/**
 * Colours of the layers of the samples of an experiment, the same in all its plots. Installed packages and the folders of
 * own code get one by their size; the smallest share one.
 */
export function layerColour(samples: readonly Pick<Sample, 'layersUs'>[]): (layer: string) => string {
  const others = layersBySize(samples).filter(layer => layerColours[layer] === undefined && !isOfNode(layer))
  return layer =>
    layerColours[layer] ??
    (isOfNode(layer) ? nodeColour : (partColours[others.indexOf(layer)] ?? colours.other))
}

const nodeColour = 'var(--series-6)'
const partColours = ['1', '2', '3', '5', '4'].map(n => `var(--series-${n})`)

const seriesColours = ['1', '2', '3', '4', '5', '6'].map(n => `var(--series-${n})`)

/** Colour of the nth line of a plot. Colours may repeat, because lines are labelled at their ends. */
export function seriesColour(index: number): string {
  return seriesColours[index % seriesColours.length] ?? colours.ink
}
