import { demandAt, fitBatchDemand } from '../analysis/batch-demand.ts'
import { demandsOf, type Machine, type Resource } from '../analysis/demand.ts'
import { number, percent, spread } from '../analysis/wording.ts'
import type { Figure, Sample } from '../results.ts'

/** What counts as a light load: well below what fills anything, with some clients to share a turn of the loop. */
const lightest = 1
const heaviestLight = 16

export interface Prediction {
  readonly resource: Resource
  readonly predictedPerS: Figure
  readonly measured: Sample
}

/**
 * Predicts, from the light steps of a closed sweep, the most that the heaviest could reach: each resource's
 * demand a request is fitted as D(n) = a + b/n over the number of clients (what a turn of an event loop, a
 * wake-up or a batch costs is shared by those served in it, `batched` being only the strongest case), carried
 * on to the heaviest step, and the lowest of the ceilings cores / D is the prediction. Its range is that of
 * the demands' own repeats.
 *
 * @param samples one variant's closed sweep
 * @returns null where fewer than three light steps were measured, or no CPU could be read
 */
export function predictCeiling(samples: readonly Sample[], machine: Machine): Prediction | null {
  const sweep = samples.toSorted((a, b) => clientsOf(a) - clientsOf(b))
  const light = sweep.filter(sample => clientsOf(sample) >= lightest && clientsOf(sample) <= heaviestLight)
  const measured = sweep.at(-1)
  if (measured === undefined || clientsOf(measured) <= heaviestLight) return null
  const ceilings = (['api', 'database', 'generator', 'host'] as const).flatMap(resource => {
    const predictedPerS = ceilingOf(resource, light, clientsOf(measured), machine)
    return predictedPerS === null ? [] : [{ resource, predictedPerS, measured }]
  })
  return ceilings.toSorted((a, b) => a.predictedPerS.median - b.predictedPerS.median)[0] ?? null
}

function ceilingOf(
  resource: Resource,
  light: readonly Sample[],
  clients: number,
  machine: Machine,
): Figure | null {
  const demands = light.flatMap(sample => {
    const demand = demandsOf(sample, machine).find(one => one.resource === resource)
    return demand === undefined ? [] : [{ clients: clientsOf(sample), ...demand }]
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

/** The prediction beside what came of it. */
export function predictionText({ resource, predictedPerS, measured }: Prediction): string {
  const off = measured.throughputPerS.median / predictedPerS.median - 1
  return (
    `predicted from at most ${heaviestLight} clients ${spread(predictedPerS, 'requests/s')}, set by ${names[resource]}; ` +
    `measured with ${number(clientsOf(measured))} ${spread(measured.throughputPerS, 'requests/s')}, ` +
    `${percent(Math.abs(off))} ${off < 0 ? 'less' : 'more'}`
  )
}

function clientsOf({ load }: Sample): number {
  return load.connections ?? 1
}
