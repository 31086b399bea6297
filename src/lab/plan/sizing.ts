import { type Costs, requestCostUs } from './costs.ts'

/** What is asked of the system. */
export interface Objective {
  readonly ratePerS: number
  readonly rowsPerRequest: number
  readonly p99Ms: number
}

/** What no measurement of one machine can tell; each may be given on the command line. */
export interface Assumptions {
  /** Share of its time in which a thread or core works. At 0.7 a queue is short (M/M/1: 2.3), at 0.9 it is not (9). */
  readonly utilisation: number
  /** Cores of the largest PostgreSQL server that one would run. */
  readonly databaseCores: number
  /** WAL that one server writes and ships to its replicas, MB/s. */
  readonly walMBPerS: number
  readonly textBytes: number
}

/** A row of a batch that never fills, and one that takes no more: see `maxBatchRows` in the service. */
const maxBatchRows = 1000

export interface Sizing {
  /** Requests/s of one worker. */
  readonly workerRatePerS: number
  readonly workers: number
  readonly apiCores: number
  readonly rowsPerBatch: number
  readonly shards: number
  /** All shards together. */
  readonly databaseCores: number
  /** Requests/s at which one PostgreSQL server is full. */
  readonly onePostgresPerS: number
  readonly generatorCores: number
}

/**
 * Rows of a sharded table are divided by a hash, so every worker writes to every shard and its batches are cut up.
 *
 * @param walBytesPerRow 0 where it was not measured: then only cores end a server
 */
export function sizeOf(
  costs: Costs,
  objective: Objective,
  assumptions: Assumptions,
  walBytesPerRow: number,
  workerRateLimit: number,
): Sizing | null {
  const { ratePerS, rowsPerRequest } = objective
  const { utilisation, databaseCores, walMBPerS } = assumptions
  const walPerS = (ratePerS * rowsPerRequest * walBytesPerRow) / 1e6
  const at = (shards: number) => {
    const workerRatePerS = Math.min(workerRateLimit, workerRate(costs, rowsPerRequest, utilisation, shards))
    const rowsPerBatch = batchAt(costs, workerRatePerS, rowsPerRequest, shards)
    const demandUs = requestCostUs(costs.database, rowsPerRequest, rowsPerBatch)
    return { shards, workerRatePerS, rowsPerBatch, cores: (ratePerS * demandUs) / 1e6 / utilisation }
  }
  const fits = ({ shards, cores }: { shards: number; cores: number }) =>
    cores / shards <= databaseCores && walPerS / shards <= walMBPerS
  const one = at(1)
  let plan = one
  // More shards make smaller batches and dearer rows; there is always an end, for a batch has at least one row.
  while (!fits(plan)) {
    const needed = Math.ceil(Math.max(plan.cores / databaseCores, walPerS / walMBPerS))
    plan = at(Math.max(plan.shards + 1, needed))
  }
  if (!(plan.workerRatePerS > 0)) return null
  const byCores = ratePerS * (databaseCores / one.cores)
  const byWal = walPerS === 0 ? Number.POSITIVE_INFINITY : ratePerS * (walMBPerS / walPerS)
  const workers = Math.ceil(ratePerS / plan.workerRatePerS)
  return {
    workerRatePerS: plan.workerRatePerS,
    workers,
    apiCores: (ratePerS * requestCostUs(costs.api, rowsPerRequest, plan.rowsPerBatch)) / 1e6 / utilisation,
    rowsPerBatch: plan.rowsPerBatch,
    shards: plan.shards,
    databaseCores: plan.cores,
    onePostgresPerS: Math.min(byCores, byWal),
    generatorCores:
      (ratePerS * (costs.generatorUs + (costs.generatorBurstUs * rowsPerRequest) / plan.rowsPerBatch)) /
      1e6 /
      utilisation,
  }
}

/**
 * Rows that share a batch, where one batch is on its way and the next takes what arrives meanwhile:
 * n = x · T(n) with T(n) = t₀ + t₁ n, so n = x t₀ / (1 − x t₁).
 *
 * @param lanes batches on their way at the same time, one to each shard that the worker writes to; all rows of a request
 * are in the same
 */
export function batchAt(costs: Costs, ratePerS: number, rowsPerRequest: number, lanes: number): number {
  const { fixedUs, perRowUs } = batchTime(costs, rowsPerRequest)
  const rowsPerUs = (ratePerS * rowsPerRequest) / lanes / 1e6
  const free = 1 - rowsPerUs * perRowUs
  const rows = free > 0 ? (rowsPerUs * fixedUs) / free : maxBatchRows
  return Math.min(maxBatchRows, Math.max(rowsPerRequest, rows))
}

/** How long a batch of n rows is on its way: fixed + n · perRow, us. */
function batchTime({ api, database, pauseUs }: Costs, rowsPerRequest: number) {
  return {
    fixedUs: pauseUs + api.batchUs + database.batchUs,
    perRowUs: api.rowUs + database.rowUs + database.requestUs / rowsPerRequest,
  }
}

/** The rate at which a worker's thread, or the one batch it has on its way, is as busy as it may be. */
function workerRate(costs: Costs, rowsPerRequest: number, utilisation: number, lanes: number): number {
  const { perRowUs } = batchTime(costs, rowsPerRequest)
  const backendLimit = (utilisation * lanes * 1e6) / (perRowUs * rowsPerRequest)
  return bisect(backendLimit, rate => {
    const rows = batchAt(costs, rate, rowsPerRequest, lanes)
    return (rate * requestCostUs(costs.api, rowsPerRequest, rows)) / 1e6 <= utilisation
  })
}

const bisections = 40

/** The largest number up to `most` of which something holds that holds below it. */
export function bisect(most: number, holds: (value: number) => boolean, rounds = bisections): number {
  if (holds(most)) return most
  let low = 0
  let high = most
  for (let round = 0; round < rounds; round++) {
    const middle = (low + high) / 2
    if (holds(middle)) low = middle
    else high = middle
  }
  return low
}
