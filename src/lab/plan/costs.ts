import { bootstrap } from '../analysis/bootstrap.ts'
import { othersCores, workersOf } from '../analysis/demand.ts'
import { mapFigure, median } from '../analysis/figures.ts'
import { nonNegativeLeastSquares } from '../analysis/least-squares.ts'
import type { Figure, Sample } from '../results.ts'

/** CPU of one request that inserts r rows, in batches of n rows: request + r · (row + batch / n), us. */
export interface Cost {
  readonly requestUs: number
  /** Each further row; zero where only single rows were measured, which then are part of `requestUs`. */
  readonly rowUs: number
  readonly batchUs: number
}

/** All that the plan multiplies. */
export interface Costs {
  readonly api: Cost
  readonly database: Cost
  /** What the load generator takes for a request, and for each burst of answers that a batch brings it. */
  readonly generatorUs: number
  readonly generatorBurstUs: number
  /** Part of the API's CPU of a request: garbage is collected in pauses of this length, in which nothing is answered. */
  readonly garbageUs: number
  readonly garbageStopUs: number
  /** Time of a batch that is not CPU: the flush of the WAL, wake-ups, the network, us. */
  readonly pauseUs: number
}

/** How far the samples reach: beyond it, a figure is extrapolated. */
export interface Measured {
  readonly workers: number
  readonly requestsPerS: number
  readonly rowsPerRequest: readonly number[]
  readonly rowsPerBatch: number
  /** Cores that programs outside the experiment kept busy. */
  readonly othersCores: number
  readonly repeats: number
  readonly walBytesPerRow: Figure | null
  readonly residentMiB: Figure | null
}

export interface CostsFound {
  readonly costs: Costs
  /** The same from repeats drawn anew: what any figure of the plan comes to on them is its interval. */
  readonly draws: readonly Costs[]
  readonly measured: Measured
}

/** One repeat of one step. */
interface Reading {
  readonly connections: number
  readonly rows: number
  readonly rowsPerBatch: number
  readonly throughputPerS: number
  readonly apiUs: number
  readonly databaseUs: number
  readonly generatorUs: number
  readonly garbageUs: number
  readonly garbageStopUs: number
}

const resamples = 400

/**
 * The costs of inserting by group commit, from every closed step of one worker that says how many rows shared a
 * batch and changes nothing else of the service.
 *
 * @returns the costs, or which measurement is missing
 */
export function costsOf(all: readonly Sample[]): CostsFound | { missing: string } {
  const ordinary = all.filter(isOrdinary)
  const samples = ordinary.filter(sample => workersOf(sample) === 1)
  const steps = samples.map(readingsOf).filter(readings => readings.length > 0)
  const sizes = steps.map(readings => median(readings.map(({ rowsPerBatch }) => rowsPerBatch)) ?? 0)
  const [busiest] = samples.toSorted((a, b) => b.throughputPerS.median - a.throughputPerS.median)
  if (busiest === undefined || steps.length < 3 || Math.max(...sizes) < 2 * Math.min(...sizes)) {
    return {
      missing: `batched inserts of one worker at three or more numbers of connections, with the CPU of the API, of PostgreSQL and of the load generator (there are ${steps.length})`,
    }
  }
  if (!steps.some(([first]) => first?.connections === 1)) {
    return { missing: 'batched inserts over a single connection, from which the length of a commit is read' }
  }
  const costs = fitted(steps)
  if (costs === null) return { missing: 'batched inserts whose CPU depends on the size of the batch' }
  const draws = bootstrap(steps, fitted, { resamples })
  const walBytes = busiest.postgres?.walBytesPerRequest ?? null
  return {
    costs,
    draws,
    measured: {
      workers: Math.max(...ordinary.map(workersOf)),
      requestsPerS: busiest.throughputPerS.median,
      rowsPerRequest: [...new Set(steps.flat().map(({ rows }) => rows))].sort((a, b) => a - b),
      rowsPerBatch: Math.max(...sizes),
      othersCores: Math.max(0, median(samples.map(othersCores).filter(cores => cores !== null)) ?? 0),
      repeats: Math.min(...steps.map(readings => readings.length)),
      walBytesPerRow: walBytes && mapFigure(walBytes, bytes => bytes / rowsOf(busiest)),
      residentMiB: busiest.runtime?.residentMiB ?? null,
    },
  }
}

const ordinaryKnobs = new Set(['strategy', 'rows', 'workers', 'telemetry'])

/**
 * Group commit as it is deployed, no lane, statement or preload that an experiment tries out, and sent by the generator
 * that ceilings are measured with, because on shared cores its cost is part of every reading.
 */
export function isOrdinary({ knobs, load }: Sample): boolean {
  return (
    load.mode === 'closed' &&
    load.generator === 'undici' &&
    knobs['strategy'] === 'batched' &&
    (knobs['telemetry'] ?? 'full') === 'full' &&
    Object.keys(knobs).every(knob => ordinaryKnobs.has(knob))
  )
}

/** Rows that each request of a step inserts. */
export function rowsOf({ knobs }: Sample): number {
  return Number(knobs['rows'] ?? 1)
}

function readingsOf(sample: Sample): Reading[] {
  const { load, throughputPerS, rowsPerBatch, cpuPerRequestUs, runtime } = sample
  const { api, database, generator } = cpuPerRequestUs
  if (!rowsPerBatch || api === null || database === null || generator === null) return []
  return valuesOf(throughputPerS).flatMap((rate, repeat) => {
    const [size, apiUs, databaseUs, generatorUs] = [rowsPerBatch, api, database, generator].map(
      figure => valuesOf(figure)[repeat],
    )
    if (!size || apiUs === undefined || databaseUs === undefined || generatorUs === undefined) return []
    return {
      connections: load.connections ?? 1,
      rows: rowsOf(sample),
      rowsPerBatch: size,
      throughputPerS: rate,
      apiUs,
      databaseUs,
      generatorUs,
      garbageUs: ((runtime?.gcShare?.median ?? 0) / throughputPerS.median) * 1e6,
      garbageStopUs: (runtime?.gcPauseMs?.median ?? 0) * 1000,
    }
  })
}

function valuesOf({ values, median: middle }: Figure): readonly number[] {
  return values ?? [middle]
}

function fitted(steps: readonly (readonly Reading[])[]): Costs | null {
  const middles = steps.map(middle)
  const single = middles.filter(({ rows }) => rows === 1)
  const lone = single.find(({ connections }) => connections === 1)
  const [busiest] = single.toSorted((a, b) => b.throughputPerS - a.throughputPerS)
  const api = costOf(middles, ({ apiUs }) => apiUs)
  const database = costOf(middles, ({ databaseUs }) => databaseUs)
  // A generator does not know rows: it wakes up for the requests that a batch answers at once.
  const byRequest = middles.map(one => ({ ...one, rowsPerBatch: one.rowsPerBatch / one.rows, rows: 1 }))
  const generator = costOf(byRequest, ({ generatorUs }) => generatorUs)
  if (api === null || database === null || generator === null || lone === undefined) return null
  // With one client each request waits for the one before. Its time beyond all CPU is the pause.
  const cpuUs = lone.apiUs + lone.databaseUs + lone.generatorUs
  return {
    api,
    database,
    generatorUs: generator.requestUs,
    generatorBurstUs: generator.batchUs,
    // With one client garbage is collected while the client waits.
    garbageUs: Math.min(busiest?.garbageUs ?? 0, api.requestUs),
    garbageStopUs: busiest?.garbageStopUs ?? 0,
    pauseUs: Math.max(0, 1e6 / lone.throughputPerS - cpuUs),
  }
}

/** Least squares of relative errors, none of the terms below zero. */
function costOf(readings: readonly Reading[], demandUs: (reading: Reading) => number): Cost | null {
  const rowsVary = new Set(readings.map(({ rows }) => rows)).size > 1
  const solution = nonNegativeLeastSquares(
    readings.map(({ rows, rowsPerBatch }) => [1, rows / rowsPerBatch, ...(rowsVary ? [rows] : [])]),
    readings.map(demandUs),
    readings.map(reading => 1 / demandUs(reading) ** 2),
  )
  if (solution === null) return null
  const [requestUs = 0, batchUs = 0, rowUs = 0] = solution
  return { requestUs, rowUs, batchUs }
}

function middle(readings: readonly Reading[]): Reading {
  const of = (key: keyof Reading) => median(readings.map(reading => reading[key])) ?? 0
  return {
    connections: of('connections'),
    rows: of('rows'),
    rowsPerBatch: of('rowsPerBatch'),
    throughputPerS: of('throughputPerS'),
    apiUs: of('apiUs'),
    databaseUs: of('databaseUs'),
    generatorUs: of('generatorUs'),
    garbageUs: of('garbageUs'),
    garbageStopUs: of('garbageStopUs'),
  }
}

/** CPU of one request, us. */
export function requestCostUs(
  { requestUs, rowUs, batchUs }: Cost,
  rows: number,
  rowsPerBatch: number,
): number {
  return requestUs + rows * (rowUs + batchUs / rowsPerBatch)
}
