import type { Figure, Limit, Manifest, Sample, Verdict } from '../results.ts'
import { type Demand, demandsOf, type Resource, workersOf } from './demand.ts'
import { number, percent, spread } from './wording.ts'

/** What the judgement needs to know of the machine. */
export interface Circumstances extends Pick<Manifest, 'cores' | 'sharedCores' | 'stealRatio'> {
  /** CPU of the same work, slowest over fastest during the run; null: unknown. */
  readonly speedSpread: number | null
}

export interface Trial {
  /** The sample under accusation; null: nothing was measured. */
  readonly accused: Sample | null
  /** The same work under a lower load; the accused sample itself where there is none. */
  readonly predictFrom?: Sample
  readonly confirmed?: Verdict['confirmed']
}

/** Above it a resource queues so long that it is taken for full (M/M/1: ten times its service time at 0.9). */
const full = 0.9
/** The whole host is sampled in 10 ms ticks and never reads quite full. */
const hostFull = 0.93
/** From here on a thread that is ready to run may find no free core. */
const hostCrowded = 0.8
/** Worth a place among the causes, as what would limit next. */
const noticeable = 0.5
const stealTolerated = 0.05
/** Share of all cores that programs outside the experiment may take; the lab itself takes a few percent. */
const othersTolerated = 0.15
/** Beyond what turbo and neighbours make of a quiet machine, CPU figures are less certain. */
export const speedSpreadTolerated = 1.25
const errorsTolerated = 0.01
const dropsTolerated = 0.001

/**
 * Names the resource that limits the accused sample, in the order in which a doubt weighs: is the
 * environment fit, is the generator innocent, is the API's thread full, is PostgreSQL's CPU, are the cores
 * that all of them share. What is full is accused; what is nearly full follows it. Where readings are
 * missing, or nothing is full although clients wait, the verdict says that it does not know.
 */
export function judge(trial: Trial, circumstances: Circumstances): Verdict {
  const { accused } = trial
  if (accused === null || accused.throughputPerS.median === 0) return nothingToJudge(accused)
  const findings = judgements(accused, circumstances)
  const [first = unexplained(accused, circumstances), ...others] = findings
  const ceiling = ceilingOf(trial, circumstances)
  return {
    limit: first.limit,
    confidence: unsteady(circumstances) ? lower(first.confidence) : first.confidence,
    sentence: first.sentence,
    causes: [
      { limit: first.limit, evidence: [...first.evidence, ...general(accused, circumstances)] },
      ...others.map(({ limit, evidence }) => ({ limit, evidence })),
      ...nextToFill(accused, circumstances, [first, ...others]),
    ],
    ceiling: saturated.has(first.limit) ? ceiling : null,
    confirmed: trial.confirmed ?? null,
    next: first.next,
  }
}

interface Judgement {
  readonly limit: Limit
  readonly confidence: Verdict['confidence']
  readonly sentence: string
  readonly evidence: string[]
  readonly next: string
}

/** Limits that a ceiling of CPU explains. */
const saturated: ReadonlySet<Limit> = new Set(['api-cpu', 'database-cpu', 'host-cpu', 'load-generator'])

function judgements(sample: Sample, circumstances: Circumstances): Judgement[] {
  return [
    stolen(sample, circumstances),
    crowded(sample, circumstances),
    failing(sample),
    starvedGenerator(sample, circumstances),
    apiThread(sample, circumstances),
    databaseCpu(sample, circumstances),
    hostCpu(sample, circumstances),
  ].filter(judgement => judgement !== null)
}

function stolen(sample: Sample, { stealRatio }: Circumstances): Judgement | null {
  if (stealRatio === null || stealRatio <= stealTolerated) return null
  return {
    limit: 'environment',
    confidence: 'medium',
    sentence: `The machine itself is the limit: other tenants took ${percent(stealRatio)} of its CPU, so nothing here can be trusted beyond "at least ${rate(sample)}".`,
    evidence: [`steal ${percent(stealRatio)} of CPU time, above ${percent(stealTolerated)}`],
    next: 'Repeat the run on a machine, or at a time, without steal.',
  }
}

/** Someone else's programs: host CPU that neither API, PostgreSQL nor generator used, where it is missed. */
function crowded(sample: Sample, { cores }: Circumstances): Judgement | null {
  const { host, api, database, generator } = sample.utilisation
  if (host === null || api === null || database === null || generator === null) return null
  const others = (host.median - api.median - database.median - generator.median) / cores
  if (!shortOfCores(sample, cores) || others < othersTolerated) return null
  return {
    limit: 'environment',
    confidence: 'high',
    sentence: `The machine was busy with other programs, which took ${percent(others)} of it, so nothing here can be trusted beyond "at least ${rate(sample)}".`,
    evidence: [
      `other programs use ${percent(others)} of ${cores} cores, which are ${percent(host.median / cores)} busy`,
      ...queued(sample, cores),
    ],
    next: 'Stop the other programs and repeat the run.',
  }
}

function failing({ errors, label }: Sample): Judgement | null {
  if (errors.ratio.median <= errorsTolerated) return null
  return {
    limit: 'inconclusive',
    confidence: 'low',
    sentence: `No limit can be named: ${percent(errors.ratio.median)} of the requests failed, so the rest was measured on a service in trouble.`,
    evidence: [`errors ${percent(errors.ratio.median)} of the requests of "${label}"`],
    next: "Find the first error in the service's log (service.log beside the report), mend it, and repeat the run.",
  }
}

function starvedGenerator(sample: Sample, { cores }: Circumstances): Judgement | null {
  const generator = demandOf(sample, 'generator', cores)
  const { load, errors, utilisation } = sample
  const drops = errors.dropped.median
  const due = (load.ratePerS ?? 0) * load.durationS
  const dropping = due > 0 && drops / due > dropsTolerated
  const busy = generator !== null && generator.utilisation.median >= full
  // Where the host is full and the generator is what fills it most, the service never had its chance.
  const crowding =
    isFull(utilisation.host, cores, hostFull) &&
    utilisation.generator !== null &&
    utilisation.api !== null &&
    utilisation.generator.median > utilisation.api.median + (utilisation.database?.median ?? 0)
  if (!busy && !dropping && !crowding) return null
  const used = generator === null ? [] : [uses(generator, load.generator)]
  return {
    limit: 'load-generator',
    confidence: busy && !dropping ? 'high' : 'medium',
    sentence: `The load generator is the limit, not the service: it could send no more, so the service can do at least ${rate(sample)}.`,
    evidence: [...used, ...(dropping ? [`${number(drops)} of ${number(due)} arrivals were never sent`] : [])],
    next: 'Run the generator on another machine, or a cheaper one (--generator autocannon), and repeat.',
  }
}

function apiThread(sample: Sample, circumstances: Circumstances): Judgement | null {
  const api = demandOf(sample, 'api', circumstances.cores)
  const thread = sample.utilisation.apiThread
  const busy = api !== null && api.utilisation.median >= full
  const looping = thread !== null && thread.median >= full
  if (!busy) return null
  const workers = workersOf(sample)
  const who = workers === 1 ? 'its one JavaScript thread is' : `its ${workers} JavaScript threads are`
  const hostIsFull = isFull(sample.utilisation.host, circumstances.cores, hostFull)
  return {
    limit: 'api-cpu',
    confidence: looping && !hostIsFull ? 'high' : 'medium',
    sentence: `The API's own CPU is the limit: ${who} busy ${percent(Math.min(1, api.utilisation.median))} of the time, at ${number(api.demandUs.median)} us a request; it answered ${atLeast(circumstances)}${rate(sample)}.`,
    evidence: [
      uses(api, 'the API'),
      ...(thread === null ? [] : [`event-loop utilisation ${spread(thread, 'of 1')}`]),
      ...(hostIsFull ? ['the host is full as well, so a core more would help too'] : []),
    ],
    next:
      workers < circumstances.cores
        ? 'Spend less CPU on each request (see the layers in its profile), or add a worker: WORKERS is below the number of cores.'
        : 'Spend less CPU on each request (see the layers in its profile), or add cores and workers.',
  }
}

function databaseCpu(sample: Sample, circumstances: Circumstances): Judgement | null {
  const database = demandOf(sample, 'database', circumstances.cores)
  if (database === null || database.utilisation.median < full) return null
  return {
    limit: 'database-cpu',
    confidence: 'medium',
    sentence: `PostgreSQL's CPU is the limit: it uses ${percent(database.utilisation.median)} of the cores, ${number(database.demandUs.median)} us a request; the service answered ${atLeast(circumstances)}${rate(sample)}.`,
    evidence: [uses(database, 'PostgreSQL')],
    next: 'Make each request cheaper for PostgreSQL: fewer statements, rows in batches, named statements.',
  }
}

function hostCpu(sample: Sample, circumstances: Circumstances): Judgement | null {
  const host = demandOf(sample, 'host', circumstances.cores)
  if (host === null || !shortOfCores(sample, circumstances.cores)) return null
  const shares = (['api', 'database', 'generator'] as const)
    .map(resource => demandOf(sample, resource, circumstances.cores))
    .filter(demand => demand !== null)
    .sort((a, b) => b.demandUs.median - a.demandUs.median)
  const [largest] = shares
  const most = largest === undefined ? '' : `, most of it for ${names[largest.resource]}`
  return {
    limit: 'host-cpu',
    confidence: shares.length === 3 ? 'high' : 'medium',
    sentence: `The machine is short of cores: API, PostgreSQL and load generator share its ${circumstances.cores}, which are busy ${percent(Math.min(1, host.utilisation.median))} of the time${most}; on cores of its own the service could do more than the ${rate(sample)} it answered.`,
    evidence: [
      uses(host, names.host),
      ...queued(sample, circumstances.cores),
      ...shares.filter(inUse).map(share => uses(share, names[share.resource])),
    ],
    next: 'Run the generator, and then PostgreSQL, on another machine; or lower what each of them spends on a request.',
  }
}

/** Nothing is full. A few clients that wait for their answers explain that; many do not. */
function unexplained(sample: Sample, circumstances: Circumstances): Judgement {
  const { load, utilisation, latencyMs } = sample
  const api = demandOf(sample, 'api', circumstances.cores)
  const evidence = demandsOf(sample, circumstances)
    .filter(inUse)
    .map(demand => uses(demand, names[demand.resource]))
  if (api === null && utilisation.apiThread === null) {
    return {
      limit: 'inconclusive',
      confidence: 'low',
      sentence: `No limit can be named: the CPU of the service could not be read. It answered ${rate(sample)}.`,
      evidence,
      next: 'Let the lab start the service itself, on this machine, so that it can read its CPU.',
    }
  }
  const underOffer = load.mode !== 'closed'
  if (underOffer || load.connections === 1) {
    return {
      limit: 'none-observed',
      confidence: 'medium',
      sentence: underOffer
        ? `No limit was reached: the service kept up with ${rate(sample)}.`
        : `No limit was reached: one client waits for each answer, so latency (${number(latencyMs.p50.median)} ms) sets the rate of ${rate(sample)}.`,
      evidence,
      next: 'Raise the load to find the limit.',
    }
  }
  return {
    limit: 'inconclusive',
    confidence: 'low',
    sentence: `No CPU is full, yet ${load.connections ?? 'the'} clients wait: something other than CPU sets the rate of ${rate(sample)}.`,
    evidence,
    next: 'Look at the waits: connections of the pool in use, and what PostgreSQL sessions wait for.',
  }
}

function nothingToJudge(accused: Sample | null): Verdict {
  return {
    limit: 'inconclusive',
    confidence: 'low',
    sentence: 'No limit can be named: no request was answered.',
    causes: [
      {
        limit: 'inconclusive',
        evidence: [accused === null ? 'no step was measured' : `no request of "${accused.label}" succeeded`],
      },
    ],
    ceiling: null,
    confirmed: null,
    next: "Find the first error in the service's log (service.log beside the report), mend it, and repeat the run.",
  }
}

/** What is not full yet but would be next. */
function nextToFill(
  sample: Sample,
  { cores }: Circumstances,
  named: readonly Judgement[],
): Verdict['causes'] {
  const accused = new Set(named.map(({ limit }) => limit))
  return demandsOf(sample, { cores })
    .filter(({ utilisation }) => utilisation.median >= noticeable)
    .map(demand => ({ limit: limitOf[demand.resource], evidence: [uses(demand, names[demand.resource])] }))
    .filter(({ limit }) => !accused.has(limit))
}

function general(sample: Sample, circumstances: Circumstances): string[] {
  const { label, throughputPerS, latencyMs } = sample
  const { sharedCores, cores, speedSpread } = circumstances
  return [
    `"${label}": ${spread(throughputPerS, 'requests/s')}, median latency ${spread(latencyMs.p50, 'ms')}`,
    sharedCores && `API, PostgreSQL and generator share ${cores} cores: every rate is a lower bound`,
    speedSpread !== null &&
      unsteady(circumstances) &&
      `the same work took up to ${number(speedSpread)} times the CPU during the run`,
  ].filter(statement => statement !== false)
}

/**
 * The lowest of the ceilings that the demands of the predicting sample set, beside what was measured. A
 * demand taken under a lower load is a prediction; one of the accused sample itself only restates it.
 */
function ceilingOf({ accused, predictFrom }: Trial, { cores }: Circumstances): Verdict['ceiling'] {
  if (accused === null) return null
  const [lowest] = demandsOf(predictFrom ?? accused, { cores })
  if (lowest === undefined) return null
  return { predictedPerS: lowest.ceilingPerS, measuredPerS: accused.throughputPerS }
}

const names: Record<Resource, string> = {
  api: 'the API',
  database: 'PostgreSQL',
  generator: 'the load generator',
  host: 'the host',
}

const limitOf: Record<Resource, Limit> = {
  api: 'api-cpu',
  database: 'database-cpu',
  generator: 'load-generator',
  host: 'host-cpu',
}

function demandOf(sample: Sample, resource: Resource, cores: number): Demand | null {
  return demandsOf(sample, { cores }).find(demand => demand.resource === resource) ?? null
}

function uses({ resource, utilisation, cores, demandUs, ceilingPerS }: Demand, name: string): string {
  const of = cores === 1 ? 'one core' : `${cores} cores`
  const full = `full at ${number(ceilingPerS.median)} requests/s`
  return resource === 'host'
    ? `the host is ${percent(utilisation.median)} busy; what runs on it for a request takes ${spread(demandUs, 'us')}: ${of} are ${full}`
    : `${name} uses ${percent(utilisation.median)} of ${of}: ${spread(demandUs, 'us')} a request, ${full}`
}

function rate({ throughputPerS }: Sample): string {
  return `${number(throughputPerS.median)} requests/s`
}

function atLeast({ sharedCores }: Circumstances): string {
  return sharedCores ? 'at least ' : ''
}

function unsteady({ speedSpread }: Circumstances): boolean {
  return speedSpread !== null && speedSpread > speedSpreadTolerated
}

function lower(confidence: Verdict['confidence']): Verdict['confidence'] {
  return confidence === 'high' ? 'medium' : 'low'
}

/** The host is full, or nearly, and the API's thread wants a core more often than it has one. */
function shortOfCores(sample: Sample, cores: number): boolean {
  return isFull(sample.utilisation.host, cores, hostFull) || queued(sample, cores).length > 0
}

/** Says so where the API's one thread stood in the scheduler's queue for a core. */
function queued(sample: Sample, cores: number): string[] {
  const { api, apiThread, host } = sample.utilisation
  if (api === null || apiThread === null || workersOf(sample) > 1) return []
  if (apiThread.median < full || api.median >= full || !isFull(host, cores, hostCrowded)) return []
  return [
    `the API's thread wanted a core ${percent(apiThread.median)} of the time and had one ${percent(api.median)}`,
  ]
}

/** Others are not worth a line of evidence. */
function inUse({ utilisation }: Demand): boolean {
  return utilisation.median >= 0.01
}

function isFull(busy: Figure | null, cores: number, threshold: number): boolean {
  return busy !== null && busy.median / cores >= threshold
}
