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

/**
 * Colours of the layers of a sample. Those whose name is not known, such as packages, get one by their size; the smallest
 * share one.
 */
export function layerColour(layersUs: Sample['layersUs'] = {}): (layer: string) => string {
  const known = new Map(Object.entries(layerColours))
  const others = Object.keys(layersUs)
    .filter(name => !known.has(name))
    .toSorted((a, b) => (layersUs[b]?.median ?? 0) - (layersUs[a]?.median ?? 0))
  const taken = new Set(Object.keys(layersUs).map(name => known.get(name)))
  const free = seriesColours.filter(colour => !taken.has(colour))
  return layer => known.get(layer) ?? free[others.indexOf(layer)] ?? colours.grid
}

/** The ledger's entries in words: the requests' own and each bucket of what belongs to none. */
export const ledgerEntries: ReadonlyMap<string, { colour: string; text: string }> = new Map([
  ['request', { colour: colours.api, text: 'charged to the request' }],
  ['http', { colour: 'var(--series-7)', text: 'HTTP parsing, socket reads' }],
  ['sockets', { colour: colours.database, text: 'reads from shared connections' }],
  ['after_response', { colour: 'var(--series-3)', text: 'after the response' }],
  ['telemetry', { colour: 'var(--series-2)', text: 'telemetry' }],
  ['helper_threads', { colour: colours.generator, text: 'helper threads' }],
  ['startup', { colour: 'var(--series-5)', text: 'startup' }],
  ['rest', { colour: 'var(--series-6)', text: 'timers, event loop' }],
])

const seriesColours = ['1', '2', '3', '4', '5', '6'].map(n => `var(--series-${n})`)

/** Colour of the nth line of a plot. Colours may repeat, because lines are labelled at their ends. */
export function seriesColour(index: number): string {
  return seriesColours[index % seriesColours.length] ?? colours.ink
}
