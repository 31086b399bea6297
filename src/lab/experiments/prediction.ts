import { demandAt, fitBatchDemand } from '../analysis/batch-demand.ts'
import { type Demand, demand, demandsOf, type Machine, type Resource } from '../analysis/demand.ts'
import { hostFull } from '../analysis/diagnosis/case.ts'
import { number, percent, spread } from '../analysis/wording.ts'
import type { Figure, Sample } from '../results.ts'
import { byThroughput } from './experiment.ts'

/**
 * A light load: well below full, but more than one client. With one client all processes sleep between two requests,
 * and a busy machine does not have the cost of waking them. With one client in the fit three ceilings of ping were
 * wrong by 14 to 30 %, without it by at most 12 %.
 */
const lightest = 2
const heaviestLight = 16

export interface Prediction {
  readonly resource: Resource
  readonly predictedPerS: Figure
  /** The step that got most of those with more clients than the light ones. */
  readonly measured: Sample
}

/**
 * Predicts, from the light steps of a closed sweep, the most that more clients could reach: each resource's
 * demand a request is fitted as D(n) = a + b/n over the number of clients (an iteration of the event loop, a wake-up
 * or a batch has a cost that the requests in it share; `batched` is only the strongest case), carried
 * on to the number that got most, and the lowest of the ceilings cores / D is the prediction. Its range is that of
 * the demands' own repeats.
 *
 * The host's demand is all that it does while the load runs, for the kernel's network and wake-ups, some 5 % of it,
 * are charged to no process.
 *
 * @param samples one variant's closed sweep
 * @returns null where fewer than three light steps were measured, or no CPU could be read
 */
export function predictCeiling(samples: readonly Sample[], machine: Machine): Prediction | null {
  const light = samples.filter(sample => clientsOf(sample) >= lightest && clientsOf(sample) <= heaviestLight)
  const [measured] = byThroughput(samples.filter(sample => clientsOf(sample) > heaviestLight))
  if (measured === undefined) return null
  const ceilings = (['api', 'database', 'generator', 'host'] as const).flatMap(resource => {
    const predictedPerS = ceilingOf(resource, light, clientsOf(measured), machine)
    return predictedPerS === null ? [] : [{ resource, predictedPerS, measured }]
  })
  return ceilings.toSorted((a, b) => a.predictedPerS.median - b.predictedPerS.median)[0] ?? null
}

function demandOn(resource: Resource, sample: Sample, machine: Machine): Demand | null {
  const { utilisation, throughputPerS } = sample
  if (resource === 'host') {
    return demand('host', utilisation.host, throughputPerS, machine.cores * hostFull)
  }
  return demandsOf(sample, machine).find(one => one.resource === resource) ?? null
}

function ceilingOf(
  resource: Resource,
  light: readonly Sample[],
  clients: number,
  machine: Machine,
): Figure | null {
  const demands = light.flatMap(sample => {
    const asked = demandOn(resource, sample, machine)
    return asked === null ? [] : [{ clients: clientsOf(sample), ...asked }]
  })
  const cores = demands[0]?.cores
  if (cores === undefined) return null
  const ceilingAt = (edge: 'low' | 'median' | 'high') => {
    const points = demands.map(({ clients: n, demandUs }) => ({ rowsPerBatch: n, demandUs: demandUs[edge] }))
    const fit = fitBatchDemand(points)
    return fit === null ? null : (cores * 1e6) / demandAt(fit, clients)
  }
  const [best, middle, worst] = (['low', 'median', 'high'] as const).map(ceilingAt)
  if (!best || !middle || !worst) return null
  const repeats = Math.min(...demands.map(({ demandUs }) => demandUs.repeats))
  return { median: middle, low: Math.min(best, middle, worst), high: Math.max(best, middle, worst), repeats }
}

const names: Record<Resource, string> = {
  api: 'the API',
  database: 'PostgreSQL',
  generator: 'the load generator',
  host: 'the host they share',
}

/** The prediction, and what was measured. */
export function predictionText({ resource, predictedPerS, measured }: Prediction): string {
  const off = measured.throughputPerS.median / predictedPerS.median - 1
  return (
    `predicted from ${lightest} to ${heaviestLight} clients ${spread(predictedPerS, 'requests/s')}, set by ${names[resource]}; ` +
    `measured with ${number(clientsOf(measured))} ${spread(measured.throughputPerS, 'requests/s')}, ` +
    `${percent(Math.abs(off))} ${off < 0 ? 'less' : 'more'}`
  )
}

function clientsOf({ load }: Sample): number {
  return load.connections ?? 1
}
