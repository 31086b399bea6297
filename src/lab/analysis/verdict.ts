import type { Figure, Limit, Sample, Verdict } from '../results.ts'
import { demandsOf } from './demand.ts'
import { inverse, mapFigure, ratio } from './figures.ts'
import { apiCpu } from './verdict/api-cpu.ts'
import {
  type Case,
  type Circumstances,
  limitOf,
  names,
  openCase,
  othersAreBusy,
  speedLoss,
  uses,
} from './verdict/case.ts'
import { connectionPool } from './verdict/connection-pool.ts'
import { databaseConnections } from './verdict/database-connections.ts'
import { databaseCpu } from './verdict/database-cpu.ts'
import { databaseIo } from './verdict/database-io.ts'
import { databaseLocks } from './verdict/database-locks.ts'
import { crowded, stolen, throttled } from './verdict/environment.ts'
import { externalWait } from './verdict/external-wait.ts'
import { describeFailures, failing } from './verdict/failing.ts'
import { hostCpu } from './verdict/host-cpu.ts'
import type { Judgement } from './verdict/judgement.ts'
import { loadGenerator } from './verdict/load-generator.ts'
import { memory } from './verdict/memory.ts'
import { unexplained } from './verdict/unexplained.ts'
import { number, percent, spread } from './wording.ts'

export interface Trial {
  /** The sample under accusation; null: nothing was measured. */
  readonly accused: Sample | null
  /** The same work under a lower load; the accused sample itself where there is none. */
  readonly predictFrom?: Sample
  readonly confirmed?: Verdict['confirmed']
}

/** Share of a core. */
const probeWorthSaying = 0.005
/** Worth a place among the causes, as what would limit next. */
const noticeable = 0.5

/**
 * Names the resource that limits the accused sample, in the order in which a doubt weighs: is the environment
 * fit, did the requests succeed, is the generator innocent, is a resource of the service or of PostgreSQL
 * full, are the cores that all of them share, is the pool, or do requests wait for something else. What is
 * full is accused; whatever else is full follows it, and then what is nearly so. Where readings are missing,
 * or nothing is full although clients wait, the verdict says that it does not know.
 */
export function judge(trial: Trial, circumstances: Circumstances): Verdict {
  const { accused } = trial
  if (accused === null) return nothingToJudge(accused)
  const one = openCase(accused, circumstances)
  const found = accused.throughputPerS.median === 0 ? withoutAnswers(one) : judgements(one, trial)
  const [first, ...others] = found
  if (first === undefined) return nothingToJudge(accused)
  return {
    limit: first.limit,
    accused: accused.label,
    confidence: unsteady(one) ? lower(first.confidence) : first.confidence,
    sentence: first.sentence,
    causes: [
      { limit: first.limit, evidence: [...first.evidence, ...general(one)] },
      ...others.map(({ limit, evidence }) => ({ limit, evidence: [...evidence] })),
      ...nextToFill(one, found),
    ],
    ceiling: ceilingOf(first.limit, trial, circumstances),
    confirmed: trial.confirmed ?? null,
    next: first.next,
  }
}

function judgements(one: Case, { predictFrom }: Trial): Judgement[] {
  const found = [
    stolen(one),
    throttled(one),
    crowded(one),
    databaseConnections(one),
    failing(one),
    loadGenerator(one),
    memory(one),
    apiCpu(one),
    databaseCpu(one),
    databaseLocks(one),
    databaseIo(one),
    hostCpu(one),
    connectionPool(one, predictFrom),
    externalWait(one),
  ].filter(judgement => judgement !== null)
  // The failures of a known limit are its own.
  const explained = found.some(({ limit }) => limit === 'database-connections')
  const kept = explained ? found.filter(({ limit }) => limit !== 'inconclusive') : found
  return kept.length === 0 ? [unexplained(one)] : kept
}

/** Of a service that answered nothing only one thing can be said: PostgreSQL would not have its connections. */
function withoutAnswers(one: Case): Judgement[] {
  return [databaseConnections(one)].filter(judgement => judgement !== null)
}

function nothingToJudge(accused: Sample | null): Verdict {
  return {
    limit: 'inconclusive',
    confidence: 'low',
    sentence: 'No limit can be named: no request was answered.',
    causes: [
      {
        limit: 'inconclusive',
        evidence: [
          accused === null
            ? 'no step was measured'
            : `no request of "${accused.label}" succeeded${describeFailures(accused.failures)}`,
        ],
      },
    ],
    ceiling: null,
    confirmed: null,
    next: "Find the first error in the service's log (service.log beside the report), mend it, and repeat the run.",
  }
}

/** What is not full yet but would be next; a host that others fill says nothing of what is measured. */
function nextToFill(one: Case, named: readonly Judgement[]): Verdict['causes'] {
  const accused = new Set(named.map(({ limit }) => limit))
  return one.demands
    .filter(({ utilisation }) => utilisation.median >= noticeable)
    .filter(({ resource }) => resource !== 'host' || !othersAreBusy(one))
    .map(demand => ({ limit: limitOf[demand.resource], evidence: [uses(demand, names[demand.resource])] }))
    .filter(({ limit }) => !accused.has(limit))
}

function general({ sample, circumstances }: Case): string[] {
  const { label, throughputPerS, latencyMs, refusals = {}, postgres } = sample
  const { sharedCores, cores } = circumstances
  const slowed = speedLoss(circumstances)
  return [
    `"${label}": ${spread(throughputPerS, 'requests/s')}, median latency ${spread(latencyMs.p50, 'ms')}`,
    ...Object.entries(refusals)
      .filter(([, share]) => share.median > 0)
      .map(([reason, share]) => `the service refused ${percent(share.median)} of the requests (${reason})`),
    postgres?.probeCores != null &&
      postgres.probeCores.median >= probeWorthSaying &&
      `looking at PostgreSQL took ${percent(postgres.probeCores.median)} of a core, counted as its own`,
    sharedCores && `API, PostgreSQL and generator share ${cores} cores: every rate is a lower bound`,
    sample.steady === false && 'its rate had not settled in every repeat',
    slowed !== null && `the same work took ${number(slowed)} times the CPU at some times of the run`,
  ].filter(statement => statement !== false)
}

/** Limits that a ceiling of CPU explains. */
const ofCpu: ReadonlySet<Limit> = new Set(['api-cpu', 'database-cpu', 'host-cpu', 'load-generator'])

/**
 * The lowest of the ceilings that the demands of the predicting sample set, beside what was measured. A
 * demand taken under a lower load is a prediction; one of the accused sample itself only restates it.
 */
function ceilingOf(
  limit: Limit,
  { accused, predictFrom }: Trial,
  { cores }: Circumstances,
): Verdict['ceiling'] {
  const sample = predictFrom ?? accused
  if (accused === null || sample === null) return null
  const predictedPerS = ofCpu.has(limit)
    ? demandsOf(sample, { cores })[0]?.ceilingPerS
    : limit === 'connection-pool'
      ? poolCeiling(sample)
      : undefined
  return predictedPerS === undefined ? null : { predictedPerS, measuredPerS: accused.throughputPerS }
}

/** The utilisation law once more: the pool is full at X / (used / max). */
function poolCeiling({ pool, throughputPerS }: Sample): Figure | undefined {
  const [used, max] = [pool?.used ?? null, pool?.max ?? null]
  if (used === null || max === null || used.low <= 0) return undefined
  const perConnection = inverse(ratio(used, throughputPerS), 1)
  return mapFigure(perConnection, rate => rate * max.median)
}

/** What varies while it is looked at can be named with less certainty. */
function unsteady({ sample, circumstances }: Case): boolean {
  return sample.steady === false || speedLoss(circumstances) !== null
}

function lower(confidence: Verdict['confidence']): Verdict['confidence'] {
  return confidence === 'high' ? 'medium' : 'low'
}
