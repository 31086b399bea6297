import { percentileInterval } from '../analysis/bootstrap.ts'
import { differenceByRepeat } from '../analysis/figures.ts'
import { number } from '../analysis/wording.ts'
import type { Results, Sample } from '../results.ts'
import { type Check, checksOf } from './check.ts'
import { type Costs, costsOf, type Measured } from './costs.ts'
import { simulate } from './simulation.ts'
import { type Assumptions, bisect, type Objective, type Sizing, sizeOf } from './sizing.ts'

/** measured: within what was measured; extrapolated: beyond it; assumed: rests on what no measurement here says. */
export type Basis = 'measured' | 'extrapolated' | 'assumed'

export interface PlanFigure {
  readonly name: string
  readonly title: string
  readonly value: number
  /** 95 % interval over repeats drawn anew. */
  readonly low: number
  readonly high: number
  readonly unit: string
  readonly formula: string
  readonly basis: Basis
  /** Why it is not measured. */
  readonly because: string | null
}

export interface Plan {
  readonly objective: Objective
  readonly assumptions: Assumptions
  readonly figures: readonly PlanFigure[]
  /** How near the same model comes to steps that were measured and that it was not told of. */
  readonly checks: readonly Check[]
  /** What could not be told, and what to run for it. */
  readonly notes: readonly string[]
}

/** Why there is no plan: which measurement is missing, or that the objective cannot be met. */
export interface NoPlan {
  readonly missing?: string
  readonly impossible?: string
}

/**
 * Everything between a measured millisecond and a cluster's bill, by the utilisation law: a resource at rate X whose
 * request takes D of it is X · D busy. Workers share nothing but PostgreSQL, so they add up; batches make D fall with
 * each worker's load, so few busy workers are cheaper than many idle ones. The tail of the latency comes from a
 * simulation of one worker at its share of the load.
 */
export function planFor(results: Results, objective: Objective, assumptions: Assumptions): Plan | NoPlan {
  const samples = results.experiments.flatMap(experiment => experiment.samples)
  const found = costsOf(samples)
  if ('missing' in found) return found
  const { costs, draws, measured } = found
  const { rowsPerRequest } = objective
  if (rowsPerRequest !== 1 && measured.rowsPerRequest.length === 1) {
    return {
      missing: `batched inserts of more than one row a request, because the plan is for ${rowsPerRequest}`,
    }
  }
  const limit = rateWithinObjective(costs, objective, assumptions)
  if (limit === null) {
    const lone = simulateWorker(costs, objective.rowsPerRequest, lightestPerS)
    return {
      impossible: `${number(objective.p99Ms)} ms are not to be had: even a lone request takes ${number(lone.latencyMs.p50)} ms`,
    }
  }
  const wal = measured.walBytesPerRow
  const sized = (of: Costs, walBytesPerRow: number) =>
    sizeOf(of, objective, assumptions, walBytesPerRow, limit)
  const middle = sized(costs, wal?.median ?? 0)
  if (middle === null) return { impossible: 'no worker can take any of this load' }
  const kept = sizeOf(costs, objective, assumptions, wal?.median ?? 0, limit, 'by worker')
  const others = draws.flatMap(drawn => sized(drawn, wal?.median ?? 0) ?? [])
  const interval = (of: (sizing: Sizing) => number) => ({
    value: of(middle),
    ...(percentileInterval(others.map(of)) ?? { low: of(middle), high: of(middle) }),
  })
  const simulated = simulateWorker(costs, rowsPerRequest, objective.ratePerS / middle.workers)
  return {
    objective,
    assumptions,
    figures: [
      ...applicationFigures(middle, interval, objective, assumptions, measured),
      ...memoryFigures(measured),
      p99Figure(simulated.latencyMs.p99, measured, objective),
      ...databaseFigures(middle, interval, objective, assumptions, measured),
      ...(middle.shards > 1 && kept !== null ? keptFigures(kept, assumptions) : []),
      ...storageFigures(objective, assumptions, measured),
      ...loadFigures(samples, interval, objective, assumptions, measured),
      ...telemetryFigures(samples, objective, assumptions),
    ],
    checks: checksOf(samples, results.manifest.cores),
    notes: notesOn(samples, measured),
  }
}

type Interval = (of: (sizing: Sizing) => number) => { value: number; low: number; high: number }

/** Cores that one generator pod asks for (deploy/k8s/load/test-run.yaml). */
export const runnerCores = 2
/** What is not the service's: superuser, exporter, migration (src/service/workers.ts has the same reserve). */
const reservedConnections = 10
/** A batch of texts and one of tasks on their way, and two for reads. */
export const poolSize = 4
/** Each backend is a process; past some hundreds of them a pooler is cheaper than raising the limit. */
const mostConnections = 500
/** Requests in a simulated run: the 99th percentile then rests on hundreds. */
const simulatedRequests = 20_000
const lightestPerS = 1

function simulateWorker(costs: Costs, rowsPerRequest: number, ratePerS: number) {
  return simulate({
    costs,
    rowsPerRequest,
    workers: 1,
    load: { mode: 'open', ratePerS },
    sharedCores: null,
    othersCores: 0,
    seconds: simulatedRequests / ratePerS,
  })
}

/** The most that one worker may get for its 99th percentile to hold; null: not even a lone request does. */
function rateWithinObjective(
  costs: Costs,
  { rowsPerRequest, p99Ms }: Objective,
  { utilisation }: Assumptions,
) {
  const { requestUs, rowUs } = costs.api
  const most = (utilisation * 1e6) / (requestUs + rowsPerRequest * rowUs)
  const holds = (ratePerS: number) => simulateWorker(costs, rowsPerRequest, ratePerS).latencyMs.p99 <= p99Ms
  if (!holds(lightestPerS)) return null
  return bisect(most, holds, 8)
}

function applicationFigures(
  { workerRatePerS, rowsPerBatch }: Sizing,
  interval: Interval,
  { ratePerS, rowsPerRequest }: Objective,
  { utilisation }: Assumptions,
  measured: Measured,
): PlanFigure[] {
  const far = beyond([
    [
      workerRatePerS > measured.requestsPerS,
      `one worker was measured up to ${number(measured.requestsPerS)} requests/s`,
    ],
    [
      rowsPerBatch > measured.rowsPerBatch,
      `batches were measured up to ${number(measured.rowsPerBatch)} rows`,
    ],
    [
      !measured.rowsPerRequest.includes(rowsPerRequest),
      `requests of ${measured.rowsPerRequest.join(', ')} rows were measured`,
    ],
  ])
  const many = beyond([
    [
      ratePerS / workerRatePerS > measured.workers,
      `measured with ${measured.workers} ${measured.workers === 1 ? 'worker' : 'workers'} at most`,
    ],
  ])
  return [
    {
      name: 'workerRatePerS',
      title: 'one worker takes',
      ...interval(sizing => sizing.workerRatePerS),
      unit: 'requests/s',
      formula: `the most that keeps its thread, and the batch it has on its way, ${number(utilisation * 100)} % busy and the simulated p99 within the objective`,
      ...far,
    },
    {
      name: 'rowsPerBatch',
      title: 'rows that share a batch',
      ...interval(sizing => sizing.rowsPerBatch),
      unit: '',
      formula:
        'n = x t₀ / (1 − x t₁), with x rows/s of a worker and T(n) = t₀ + t₁ n the time a batch is on its way',
      ...far,
    },
    {
      name: 'workers',
      title: 'workers, one a pod',
      ...interval(sizing => sizing.workers),
      unit: 'pods',
      formula: 'rate / one worker takes',
      ...(far.because === null ? many : far),
    },
    {
      name: 'apiCores',
      title: 'cores for the API',
      ...interval(sizing => sizing.apiCores),
      unit: 'cores',
      formula: `rate · (request + r (row + batch / n)) / ${utilisation}`,
      ...(far.because === null ? many : far),
    },
  ]
}

function memoryFigures({ residentMiB }: Measured): PlanFigure[] {
  if (residentMiB === null) return []
  return [
    {
      name: 'podMemoryMiB',
      title: 'memory of a pod',
      value: residentMiB.median * memoryReserve,
      low: residentMiB.low * memoryReserve,
      high: residentMiB.high * memoryReserve,
      unit: 'MiB',
      formula: `resident memory of the busiest worker · ${memoryReserve}`,
      basis: 'measured',
      because: null,
    },
  ]
}

function p99Figure(p99Ms: number, { requestsPerS }: Measured, { ratePerS }: Objective): PlanFigure {
  return {
    name: 'p99Ms',
    title: 'p99 of the latency',
    value: p99Ms,
    low: p99Ms,
    high: p99Ms,
    unit: 'ms',
    formula: 'simulation of one worker at rate / workers, arrivals at random',
    ...beyond([
      [ratePerS > requestsPerS, 'a simulation of one worker; PostgreSQL was not measured at the whole rate'],
    ]),
  }
}

function databaseFigures(
  { workers, shards }: Sizing,
  interval: Interval,
  { ratePerS }: Objective,
  { utilisation, databaseCores }: Assumptions,
  measured: Measured,
): PlanFigure[] {
  const far = beyond([
    [
      ratePerS > measured.requestsPerS,
      `PostgreSQL was measured up to ${number(measured.requestsPerS)} requests/s`,
    ],
  ])
  const needed = (workers + 1) * poolSize + reservedConnections
  const pooled = needed > mostConnections
  // One transaction a worker and shard at most, and a quarter more for reads and the pods of a rolling update.
  const backends = Math.ceil((workers + 1) * 1.25)
  return [
    {
      name: 'databaseCores',
      title: 'cores for PostgreSQL, all servers',
      ...interval(sizing => sizing.databaseCores),
      unit: 'cores',
      formula: `rate · (request + r (row + batch / n)) / ${utilisation}`,
      ...far,
    },
    {
      name: 'onePostgresPerS',
      title: 'one PostgreSQL ends at',
      ...interval(sizing => sizing.onePostgresPerS),
      unit: 'requests/s',
      formula: `the lower of ${databaseCores} cores · ${utilisation} / D and of what WAL it can write`,
      basis: 'assumed',
      because: `a server of ${databaseCores} cores`,
    },
    {
      name: 'shards',
      title: shards === 1 ? 'PostgreSQL servers' : 'PostgreSQL servers, sharded by hash (Citus)',
      ...interval(sizing => sizing.shards),
      unit: shards === 1 ? 'server' : 'servers',
      formula:
        'the fewest whose cores and WAL each server has; a batch is divided among them, which makes rows dearer',
      basis: 'assumed',
      because: `a server of ${databaseCores} cores`,
    },
    {
      ...exactly('poolSize', 'POOL_SIZE of each pod', poolSize, 'connections'),
      formula: 'one batch of texts, one of tasks on their way, two for reads',
    },
    pooled
      ? {
          ...exactly(
            'backends',
            'PgBouncer stands between; its connections to each server',
            backends,
            'connections',
          ),
          formula: '(workers + 1) · 1.25, because a worker has one transaction on its way',
          ...far,
        }
      : {
          ...exactly('backends', 'connections to PostgreSQL', (workers + 1) * poolSize, 'connections'),
          formula: '(workers + 1) · POOL_SIZE: a rolling update has one pod more',
          ...far,
        },
    {
      ...exactly(
        'maxConnections',
        'max_connections, at least',
        (pooled ? backends : (workers + 1) * poolSize) + reservedConnections,
        'connections',
      ),
      formula: `connections + ${reservedConnections} for superuser, exporter and migration`,
      ...far,
    },
  ]
}

/** What sharding by hash costs: the same plan where batches stay whole. */
function keptFigures({ shards, databaseCores, workers }: Sizing, assumptions: Assumptions): PlanFigure[] {
  const because = `a server of ${assumptions.databaseCores} cores`
  const figures: [string, string, number, string][] = [
    ['keptShards', '… if each worker kept to one server: servers', shards, 'servers'],
    ['keptDatabaseCores', '… cores for PostgreSQL', databaseCores, 'cores'],
    ['keptWorkers', '… workers', workers, 'pods'],
  ]
  return figures.map(([name, title, value, unit]) => ({
    ...exactly(name, title, value, unit),
    formula: 'as above, with batches that are not divided: an id must then say where its row is',
    basis: 'assumed',
    because,
  }))
}

const secondsPerDay = 86_400
/** A pod's memory over what one worker was seen to hold: a burst of requests, a profile being taken. */
const memoryReserve = 1.5

function storageFigures(
  { ratePerS, rowsPerRequest }: Objective,
  { textBytes }: Assumptions,
  { walBytesPerRow, requestsPerS }: Measured,
): PlanFigure[] {
  const rowsPerS = ratePerS * rowsPerRequest
  const far = beyond([[ratePerS > requestsPerS, `WAL was measured up to ${number(requestsPerS)} requests/s`]])
  const wal = (name: string, title: string, scale: number, unit: string, formula: string): PlanFigure[] =>
    walBytesPerRow === null
      ? []
      : [
          {
            name,
            title,
            value: walBytesPerRow.median * rowsPerS * scale,
            low: walBytesPerRow.low * rowsPerS * scale,
            high: walBytesPerRow.high * rowsPerS * scale,
            unit,
            formula,
            ...far,
          },
        ]
  return [
    ...wal('walMBPerS', 'WAL', 1e-6, 'MB/s', 'rows/s · WAL bytes a row'),
    ...wal('walGBPerDay', 'WAL a day', secondsPerDay * 1e-9, 'GB', 'WAL bytes/s · 86,400'),
    {
      ...exactly(
        'diskGBPerDay',
        'table and index grow a day',
        (rowsPerS * rowBytes(textBytes) * secondsPerDay) / 1e9,
        'GB',
      ),
      formula:
        'rows/s · (24 header + 8 id + 1 + text, to a multiple of 8, + 4 pointer + 20 index / 0.9) · 86,400',
      basis: 'assumed',
      because: `texts of ${textBytes} bytes; PostgreSQL's page layout`,
    },
  ]
}

/** A row of simple_text on the page, and its entry in the index of its ascending ids, which leaves 10 % free. */
function rowBytes(textBytes: number): number {
  const shortText = 126
  const header = textBytes > shortText ? 4 : 1
  return Math.ceil((24 + 8 + header + textBytes) / 8) * 8 + 4 + 20 / 0.9
}

function loadFigures(
  samples: readonly Sample[],
  interval: Interval,
  { ratePerS }: Objective,
  { utilisation }: Assumptions,
  measured: Measured,
): PlanFigure[] {
  const byK6 = samples
    .filter(({ load }) => load.generator === 'k6')
    .map(({ cpuPerRequestUs }) => cpuPerRequestUs.generator)
    .filter(cost => cost !== null)
    .toSorted((a, b) => a.median - b.median)[0]
  const coresOf = (us: number) => (ratePerS * us) / 1e6 / utilisation
  const cores = byK6
    ? { value: coresOf(byK6.median), low: coresOf(byK6.low), high: coresOf(byK6.high) }
    : interval(sizing => sizing.generatorCores)
  const far = beyond([
    [ratePerS > measured.requestsPerS, `load was sent up to ${number(measured.requestsPerS)} requests/s`],
  ])
  const sender = byK6 ? 'k6' : 'autocannon'
  return [
    {
      name: 'generatorCores',
      title: `cores for the load (${sender})`,
      ...cores,
      unit: 'cores',
      formula: `rate · ${sender}'s CPU of a request / ${utilisation}`,
      ...far,
    },
    {
      name: 'runners',
      title: 'load generator pods',
      value: Math.ceil(cores.value / runnerCores),
      low: Math.ceil(cores.low / runnerCores),
      high: Math.ceil(cores.high / runnerCores),
      unit: 'pods',
      formula: `cores / ${runnerCores}`,
      ...far,
    },
  ]
}

/** What looking costs: the same inserts, at the same moment, with everything on and with nothing. */
function telemetryFigures(
  samples: readonly Sample[],
  { ratePerS }: Pick<Objective, 'ratePerS'>,
  { utilisation }: Pick<Assumptions, 'utilisation'>,
): PlanFigure[] {
  const watched = samples.find(
    ({ knobs, besideUs }) =>
      knobs['strategy'] === 'batched' && knobs['telemetry'] === 'full, 1 % traced' && besideUs,
  )
  const moreUs = watched && differenceByRepeat(watched.cpuPerRequestUs.api, watched.besideUs ?? null)
  if (!moreUs) return []
  const coresOf = (us: number) => (Math.max(0, us) * ratePerS) / 1e6 / utilisation
  return [
    {
      name: 'telemetryCores',
      title: 'of the API: for telemetry (1 % traced)',
      value: coresOf(moreUs.median),
      low: coresOf(moreUs.low),
      high: coresOf(moreUs.high),
      unit: 'cores',
      formula: `rate · (CPU with telemetry − CPU without, repeat by repeat) / ${utilisation}`,
      basis: 'extrapolated',
      because: 'measured on one worker',
    },
  ]
}

function exactly(name: string, title: string, value: number, unit: string) {
  return { name, title, value, low: value, high: value, unit, basis: 'measured' as Basis, because: null }
}

function beyond(limits: readonly (readonly [boolean, string])[]): Pick<PlanFigure, 'basis' | 'because'> {
  const passed = limits.filter(([isPast]) => isPast).map(([, why]) => why)
  return passed.length === 0
    ? { basis: 'measured', because: null }
    : { basis: 'extrapolated', because: passed.join('; ') }
}

function notesOn(samples: readonly Sample[], { walBytesPerRow, repeats }: Measured): string[] {
  return [
    ...(walBytesPerRow === null
      ? ['WAL was not measured: run the lab on a PostgreSQL that it may ask for statistics']
      : []),
    ...(telemetryFigures(samples, { ratePerS: 1 }, { utilisation: 1 }).length === 0
      ? ['what telemetry costs: add a run of observability-price']
      : []),
    ...(samples.every(({ load }) => load.generator !== 'k6')
      ? ['k6 was not measured, and costs more than autocannon: install it and run again']
      : []),
    ...(repeats < 3 ? [`only ${repeats} repeats: the intervals are too narrow`] : []),
  ]
}
