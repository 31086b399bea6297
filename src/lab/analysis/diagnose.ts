import type { Diagnosis, Figure, Limit, Sample } from '../results.ts'
import { demandsOf } from './demand.ts'
import { apiCpu } from './diagnosis/api-cpu.ts'
import { type Case, type Circumstances, caseOf, resources, speedLoss, uses } from './diagnosis/case.ts'
import { connectionPool } from './diagnosis/connection-pool.ts'
import { databaseConnections } from './diagnosis/database-connections.ts'
import { databaseCpu } from './diagnosis/database-cpu.ts'
import { databaseIo } from './diagnosis/database-io.ts'
import { databaseLocks } from './diagnosis/database-locks.ts'
import { crowded, describeCrowd, stolen, throttled } from './diagnosis/environment.ts'
import { externalWait } from './diagnosis/external-wait.ts'
import { describeFailures, failing, findTheError } from './diagnosis/failing.ts'
import { hostCpu } from './diagnosis/host-cpu.ts'
import { loadGenerator } from './diagnosis/load-generator.ts'
import { memory } from './diagnosis/memory.ts'
import type { SuspectedLimit } from './diagnosis/suspected-limit.ts'
import { unexplained } from './diagnosis/unexplained.ts'
import { mapFigure, ratio } from './figures.ts'
import { number, percent, sharers, spread } from './wording.ts'

export interface DiagnosisInput {
  /** The sample to diagnose, usually the one with the highest throughput; null: nothing was measured. */
  readonly diagnosed: Sample | null
  /** A sample of the same work under a lower load, from whose demands the ceiling is predicted. */
  readonly predictFrom?: Sample
  /** What a change of the suspected limit's setting did, where the experiment itself varies it. */
  readonly confirmed?: Diagnosis['confirmed']
  /** Pure: adds to the diagnosis what only several samples together show. */
  readonly refine?: (diagnosis: Diagnosis) => Diagnosis
}

/** Share of a core. */
const probeWorthSaying = 0.005
/** Share in use from which a resource is listed as the next limit. */
const noticeable = 0.5

/**
 * Names the limit of a sample. It asks in this order: Is the environment fit? Did the requests succeed? Did the load
 * generator send all it should? Is a resource of the service or of PostgreSQL full? Are the shared cores full? Is the
 * connection pool full? Do requests wait for something else? The first resource that is full is the suspected limit.
 * Other full resources follow it, then those that are nearly full. Where readings are missing, or nothing is full
 * although clients wait, the diagnosis is inconclusive.
 */
export function diagnose(input: DiagnosisInput, circumstances: Circumstances): Diagnosis {
  const { diagnosed, refine = diagnosis => diagnosis } = input
  if (diagnosed === null) return refine(nothingToDiagnose(diagnosed))
  const one = caseOf(diagnosed, circumstances)
  const found = diagnosed.throughputPerS.median === 0 ? withoutAnswers(one) : suspectedLimits(one, input)
  const [first, ...others] = found
  if (first === undefined) return refine(nothingToDiagnose(diagnosed))
  const diagnosis: Diagnosis = {
    limit: first.limit,
    accused: diagnosed.label,
    confidence: unsteady(one) ? lower(first.confidence) : first.confidence,
    sentence: first.sentence,
    causes: [
      { limit: first.limit, evidence: [...first.evidence, ...general(one)] },
      ...others.map(({ limit, evidence }) => ({ limit, evidence })),
      ...nextToFill(one, found),
    ],
    ceiling: ceilingOf(first.limit, input, circumstances),
    confirmed: input.confirmed ?? null,
    next: first.next,
  }
  return withCautions(one, refine(diagnosis))
}

function suspectedLimits(one: Case, { predictFrom }: DiagnosisInput): SuspectedLimit[] {
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
  ].filter(suspected => suspected !== null)
  // The failures of a known limit are its own.
  const explained = found.some(({ limit }) => limit === 'database-connections')
  const kept = explained ? found.filter(({ limit }) => limit !== 'inconclusive') : found
  return kept.length === 0 ? [unexplained(one)] : kept
}

/** A service that answered nothing has one possible diagnosis: PostgreSQL refused its connections. */
function withoutAnswers(one: Case): SuspectedLimit[] {
  return [databaseConnections(one)].filter(suspected => suspected !== null)
}

function nothingToDiagnose(diagnosed: Sample | null): Diagnosis {
  return {
    limit: 'inconclusive',
    confidence: 'low',
    sentence: 'No limit can be named: no request was answered.',
    causes: [
      {
        limit: 'inconclusive',
        evidence: [
          diagnosed === null
            ? 'no step was measured'
            : `no request of "${diagnosed.label}" succeeded${describeFailures(diagnosed.failures)}`,
        ],
      },
    ],
    ceiling: null,
    confirmed: null,
    next: findTheError,
  }
}

/** What is not full yet but would be full next. A host that other programs fill says nothing about the service. */
function nextToFill(one: Case, named: readonly SuspectedLimit[]): Diagnosis['causes'] {
  const known = new Set(named.map(({ limit }) => limit))
  return one.demands
    .filter(({ utilisation }) => utilisation.median >= noticeable)
    .filter(({ resource }) => resource !== 'host' || !one.othersAreBusy)
    .map(demand => ({ limit: resources[demand.resource].limit, evidence: [uses(demand)] }))
    .filter(({ limit }) => !known.has(limit))
}

function general({ sample, circumstances }: Case): string[] {
  const { label, throughputPerS, latencyMs, refusals = {}, postgres, utilisation } = sample
  const { sharedCores, cores } = circumstances
  return [
    `"${label}": ${spread(throughputPerS, 'requests/s')}, median latency ${spread(latencyMs.p50, 'ms')}`,
    ...Object.entries(refusals)
      .filter(([, share]) => share.median > 0)
      .map(([reason, share]) => `the service refused ${percent(share.median)} of the requests (${reason})`),
    postgres?.probeCores != null &&
      postgres.probeCores.median >= probeWorthSaying &&
      `the lab's own queries took ${percent(postgres.probeCores.median)} of a core, which is counted as PostgreSQL's`,
    sharedCores &&
      `${sharers(utilisation.database !== null)} share ${cores} cores: every rate is a lower bound`,
    sample.steady === false && 'the rate was not steady in every repeat',
  ].filter(statement => statement !== false)
}

/** Limits that a ceiling of CPU explains. */
const ofCpu: ReadonlySet<Limit> = new Set(['api-cpu', 'database-cpu', 'host-cpu', 'load-generator'])

/**
 * The lowest of the ceilings that follow from the demands of `predictFrom`, and what was measured. Demands under a
 * lower load predict the ceiling; demands of the sample being diagnosed only restate what was measured.
 */
function ceilingOf(
  limit: Limit,
  { diagnosed, predictFrom }: DiagnosisInput,
  { cores }: Circumstances,
): Diagnosis['ceiling'] {
  const sample = predictFrom ?? diagnosed
  if (diagnosed === null || sample === null) return null
  const predictedPerS = ofCpu.has(limit)
    ? demandsOf(sample, { cores })[0]?.ceilingPerS
    : limit === 'connection-pool'
      ? poolCeiling(sample)
      : undefined
  return predictedPerS === undefined ? null : { predictedPerS, measuredPerS: diagnosed.throughputPerS }
}

/** The utilisation law once more: the pool is full at X / (used / max). */
function poolCeiling({ pool, throughputPerS }: Sample): Figure | undefined {
  const [used, max] = [pool?.used ?? null, pool?.max ?? null]
  if (used === null || max === null || used.low <= 0) return undefined
  return mapFigure(ratio(throughputPerS, used), perConnection => perConnection * max.median)
}

/** A rate or a machine that changes during the measurement makes the diagnosis less certain. */
function unsteady({ sample, circumstances }: Case): boolean {
  return sample.steady === false || speedLoss(circumstances) !== null
}

/**
 * Says what makes the diagnosis less certain. The order of the limits may be an effect of the machine's speed. Other
 * programs that left hardly a core free may have slowed down the service, whatever the signs say.
 */
function withCautions(one: Case, diagnosis: Diagnosis): Diagnosis {
  const slowed = speedLoss(one.circumstances)
  const crowd = diagnosis.limit === 'environment' ? null : describeCrowd(one)
  const cautions = [
    slowed !== null &&
      `The machine's speed changed during the run: at slow times the same work took ${number(slowed)} times the CPU. Do not rely on the order of limits that lie close together.`,
    crowd !== null && `${crowd} They may have slowed down the service: stop them and repeat the run.`,
  ].filter(caution => caution !== false)
  if (cautions.length === 0) return diagnosis
  const confidence = crowd === null ? diagnosis.confidence : 'low'
  return { ...diagnosis, confidence, caution: cautions.join(' ') }
}

function lower(confidence: Diagnosis['confidence']): Diagnosis['confidence'] {
  return confidence === 'high' ? 'medium' : 'low'
}
