import type { Figure, Sample } from '../results.ts'
import { isPackageName } from './packages.ts'
import { percent, spread } from './wording.ts'

/** Where the CPU of a service goes, in sentences; null where its ledger and profile say nothing. */
export function insideSentence(sample: Sample): string | null {
  const { routes = [], ledgerUs = {} } = sample
  const [route] = routes
  if (route === undefined) return null
  const buckets = Object.entries(ledgerUs).filter(([name]) => name !== 'request')
  const outsideUs = buckets.reduce((sum, [, { median }]) => sum + median, 0)
  const totalUs = outsideUs + (ledgerUs['request']?.median ?? 0)
  const installed = largestPackage(sample)
  const difference = differenceFromProcess(sample)
  const ledgerItself = sample.layersUs?.[ledger]
  return [
    `A request to "${route.route}" uses ${spread(route.cpuUs, 'us')} of CPU.`,
    totalUs > 0 && `${percent(outsideUs / totalUs)} of the CPU of the process belongs to no request.`,
    difference !== null &&
      `What the ledger counted and the CPU of the process, read from outside, differ by at most ${percent(difference)}.`,
    installed !== null &&
      `The installed package that uses most is ${installed[0]}: ${spread(installed[1], 'us')} a request.`,
    ledgerItself !== undefined &&
      `The CPU of the service includes the ledger that --start loads: ${spread(ledgerItself, 'us')} a request.`,
  ]
    .filter(sentence => sentence !== false)
    .join(' ')
}

/** The largest relative difference in a repeat. Medians of parts do not add up to the median of the whole. */
function differenceFromProcess({ ledgerUs = {}, cpuPerRequestUs: { api } }: Sample): number | null {
  const processUs = api?.values ?? []
  if (processUs.some(us => us <= 0)) return null
  const differences = processUs.map((us, repeat) => {
    const parts = Object.values(ledgerUs).map(({ values = [] }) => values[repeat] ?? Number.NaN)
    return Math.abs(parts.reduce((sum, part) => sum + part, 0) / us - 1)
  })
  const largest = Math.max(...differences)
  return Number.isFinite(largest) ? largest : null
}

function largestPackage({ layersUs = {} }: Sample): [string, Figure] | null {
  const installed = Object.entries(layersUs).filter(([name]) => isPackageName(name) && name !== ledger)
  return installed.toSorted(([, a], [, b]) => b.median - a.median)[0] ?? null
}

/** The lab brought it. */
const ledger = '@insertlab/cpu-ledger'
