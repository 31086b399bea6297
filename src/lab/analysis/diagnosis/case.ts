import type { Figure, Limit, Manifest, Sample } from '../../results.ts'
import { type Demand, demandsOf, othersCores, type Resource, workersOf } from '../demand.ts'
import { number, percent, spread } from '../wording.ts'

/** What a diagnosis needs to know about the machine. */
export interface Circumstances extends Pick<Manifest, 'cores' | 'sharedCores' | 'stealRatio'> {
  /** CPU of the same work, at slow times of the run over fast ones (`probes/cpu-speed.ts`); null: unknown. */
  readonly speedSpread: number | null
}

/** The sample being diagnosed, and what every check of a resource needs. */
export interface Case {
  readonly sample: Sample
  readonly circumstances: Circumstances
  /** The lowest ceiling first. */
  readonly demands: readonly Demand[]
}

export function caseOf(sample: Sample, circumstances: Circumstances): Case {
  return { sample, circumstances, demands: demandsOf(sample, circumstances) }
}

/** A quiet machine stays below it (turbo, neighbours). Above it, CPU figures are less certain. */
const speedSpreadTolerated = 1.25

/** CPU of the same work at slow times of the run, over that at fast times; null where that is tolerable or unknown. */
export function speedLoss({ speedSpread }: Pick<Circumstances, 'speedSpread'>): number | null {
  return speedSpread !== null && speedSpread > speedSpreadTolerated ? speedSpread : null
}

/** From this utilisation a resource counts as full: its queue is long (M/M/1: ten times the service time at 0.9). */
export const full = 0.9
/**
 * From this utilisation a host counts as full. It never reads 1: the kernel counts in ticks of 10 ms, and at some
 * moments every process waits for another.
 */
const hostFull = 0.93
/** From this utilisation a thread that is ready to run may find no free core. */
export const hostCrowded = 0.8
/** Share of all cores that programs outside the experiment may take; the lab itself takes a few percent. */
export const othersTolerated = 0.15

export function demandOf({ demands }: Case, resource: Resource): Demand | null {
  return demands.find(demand => demand.resource === resource) ?? null
}

/** A figure's middle; null where there is none. */
export function middle(figure: Figure | null | undefined): number | null {
  return figure?.median ?? null
}

/** The API's JavaScript threads are busy all the time: with work, or in line for a core. */
export function threadIsFull({ sample }: Case): boolean {
  const { apiThread } = sample.utilisation
  const wanted = threadWanted(sample)
  return apiThread !== null && apiThread.median >= full && (wanted === null || wanted >= full)
}

/** Share of the window in which the busiest main thread had a core, stood in line for one, or was held by a quota. */
export function threadWanted({ utilisation, throttled }: Sample): number | null {
  const [ran, queued] = [middle(utilisation.apiThreadRan), middle(utilisation.apiThreadQueued)]
  // The kernel leaves a thread in line while its quota is used up, and both are counted.
  return ran === null || queued === null ? null : Math.min(1, ran + queued + (middle(throttled?.api) ?? 0))
}

/** The host is full, or nearly, and the API's thread wants a core more often than it has one. */
function shortOfCores(one: Case): boolean {
  return hostIsFull(one) || queuedForCore(one) !== false
}

export function hostIsFull({ sample, circumstances }: Case): boolean {
  return isFull(sample.utilisation.host, circumstances.cores, hostFull)
}

/** Short of cores, and it is what is measured that takes them. */
export function fillsTheHost(one: Case): boolean {
  return shortOfCores(one) && !othersCrowd(one)
}

/** The cores that are missing are used by other programs. */
export function othersCrowd(one: Case): boolean {
  return shortOfCores(one) && othersAreBusy(one)
}

/** Other programs use so much of the host that the reader should know. */
export function othersAreBusy(one: Case): boolean {
  return (othersShare(one) ?? 0) >= othersTolerated
}

/** Share of the host that neither API, PostgreSQL nor generator used; null where one of them is unknown. */
export function othersShare({ sample, circumstances: { cores } }: Case): number | null {
  const busy = othersCores(sample)
  return busy === null ? null : busy / cores
}

/** Says so where the API's one thread stood in the scheduler's queue for a core. */
export function queuedForCore({ sample, circumstances: { cores } }: Case): string | false {
  const { api, apiThread, host } = sample.utilisation
  if (api === null || apiThread === null || workersOf(sample) > 1) return false
  const wanted = threadWanted(sample)
  // A thread that neither runs nor stands in line is blocked by something else.
  if (wanted !== null && wanted < full) return false
  if (apiThread.median < full || api.median >= full || !isFull(host, cores, hostCrowded)) return false
  return `the API's thread wanted a core ${percent(apiThread.median)} of the time and had one ${percent(api.median)}`
}

function isFull(busy: Figure | null, cores: number, threshold: number): boolean {
  return busy !== null && busy.median / cores >= threshold
}

const fellBehind = 0.95

/** Arrivals at a rate, nearly all of them answered. A closed loop offers no rate to keep up with. */
export function keptUp({ sample: { load, throughputPerS, errors } }: Case): boolean {
  const offered = load.ratePerS ?? 0
  return (
    load.mode !== 'closed' &&
    throughputPerS.median >= offered * fellBehind &&
    errors.dropped.median <= offered * load.durationS * (1 - fellBehind)
  )
}

/** What a resource is called, and the limit that it is when it is full. */
export const resources: Record<Resource, { readonly name: string; readonly limit: Limit }> = {
  api: { name: 'the API', limit: 'api-cpu' },
  database: { name: 'PostgreSQL', limit: 'database-cpu' },
  generator: { name: 'the load generator', limit: 'load-generator' },
  host: { name: 'the host', limit: 'host-cpu' },
}

export function uses(
  { resource, utilisation, cores, demandUs, ceilingPerS }: Demand,
  name = resources[resource].name,
): string {
  const of = cores === 1 ? 'one core' : `${cores} cores`
  const fullAt = `full at ${number(ceilingPerS.median)} requests/s`
  return resource === 'host'
    ? `the host is ${percent(utilisation.median)} busy; all work for one request takes ${spread(demandUs, 'us')}: ${of} are ${fullAt}`
    : `${name} uses ${percent(utilisation.median)} of ${of}: ${spread(demandUs, 'us')} a request, ${fullAt}`
}

/** Others are not worth a line of evidence. */
export function inUse({ utilisation }: Demand): boolean {
  return utilisation.median >= 0.01
}

export function rate({ sample }: Case): string {
  return `${number(sample.throughputPerS.median)} requests/s`
}

/** On shared cores every rate is a lower bound. */
export function atLeast({ circumstances }: Case): string {
  return circumstances.sharedCores ? 'at least ' : ''
}
