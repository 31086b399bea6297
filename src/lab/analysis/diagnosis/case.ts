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
  /** Event-loop utilisation of the API; null: unknown. */
  readonly thread: number | null
  /** Share of the window in which its busiest main thread had a core, stood in line for one, or was held by a quota. */
  readonly threadWanted: number | null
  /** Share of the host's cores in use; 0 where that is unknown. */
  readonly hostBusy: number
  readonly hostIsFull: boolean
  /** Says so where the API's one thread stood in the scheduler's queue for a core. */
  readonly queuedForCore: string | false
  /** Share of the host that neither API, PostgreSQL nor generator used; null where one of them is unknown. */
  readonly othersShare: number | null
  /** Other programs use so much of the host that the reader should know. */
  readonly othersAreBusy: boolean
  /** Cores are missing, and other programs use them. */
  readonly othersCrowd: boolean
  /** Cores are missing, and it is what is measured that uses them. */
  readonly fillsTheHost: boolean
  /** In words: `10,000 requests/s`. */
  readonly rate: string
  /** The same; on shared cores every rate is a lower bound: `at least 10,000 requests/s`. */
  readonly rateAtLeast: string
}

export function caseOf(sample: Sample, circumstances: Circumstances): Case {
  const { cores, sharedCores } = circumstances
  const hostBusy = (sample.utilisation.host?.median ?? 0) / cores
  const hostIsFull = hostBusy >= hostFull
  const queuedForCore = hostBusy >= hostCrowded && inQueueForCore(sample)
  const shortOfCores = hostIsFull || queuedForCore !== false
  const others = othersCores(sample)
  const othersShare = others === null ? null : others / cores
  const othersAreBusy = othersShare !== null && othersShare >= othersTolerated
  const rate = `${number(sample.throughputPerS.median)} requests/s`
  return {
    sample,
    circumstances,
    demands: demandsOf(sample, circumstances),
    thread: middle(sample.utilisation.apiThread),
    threadWanted: threadWanted(sample),
    hostBusy,
    hostIsFull,
    queuedForCore,
    othersShare,
    othersAreBusy,
    othersCrowd: shortOfCores && othersAreBusy,
    fillsTheHost: shortOfCores && !othersAreBusy,
    rate,
    rateAtLeast: sharedCores ? `at least ${rate}` : rate,
  }
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
/**
 * Below this utilisation the API's thread keeps no request waiting: it reads every request and result as it comes. A
 * thread that waits for a core reads nothing.
 */
export const threadAtEase = 0.7
/** Share of all cores that programs outside the experiment may take; the lab itself takes a few percent. */
export const othersTolerated = 0.15

export function demandOf({ demands }: Case, resource: Resource): Demand | null {
  return demands.find(demand => demand.resource === resource) ?? null
}

/** A figure's middle; null where there is none. */
export function middle(figure: Figure | null | undefined): number | null {
  return figure?.median ?? null
}

function threadWanted({ utilisation, throttled }: Sample): number | null {
  const [ran, queued] = [middle(utilisation.apiThreadRan), middle(utilisation.apiThreadQueued)]
  // The kernel leaves a thread in line while its quota is used up, and both are counted.
  return ran === null || queued === null ? null : Math.min(1, ran + queued + (middle(throttled?.api) ?? 0))
}

function inQueueForCore(sample: Sample): string | false {
  const { api, apiThread } = sample.utilisation
  if (api === null || apiThread === null || workersOf(sample) > 1) return false
  // A thread that neither runs nor stands in line is blocked by something else.
  if ((threadWanted(sample) ?? full) < full) return false
  if (apiThread.median < full || api.median >= full) return false
  return `the API's thread wanted a core ${percent(apiThread.median)} of the time and had one ${percent(api.median)}`
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
