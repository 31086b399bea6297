import { percentileInterval } from '../analysis/bootstrap.ts'
import { counted, number } from '../analysis/wording.ts'
import type { Results } from '../results.ts'
import { type Check, checksOf } from './check.ts'
import { type Costs, costsOf } from './costs.ts'
import { applicationFigures, memoryFigures, p99Figure } from './figures/application.ts'
import { databaseFigures } from './figures/database.ts'
import type { PlanFigure, PlanInputs } from './figures/figure.ts'
import { loadFigures } from './figures/load.ts'
import { storageFigures } from './figures/storage.ts'
import { telemetryFigures } from './figures/telemetry.ts'
import { simulate } from './simulation.ts'
import { type Assumptions, bisect, type Objective, type Sizing, sizeOf } from './sizing.ts'

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
      impossible: `${number(objective.p99Ms)} ms are not possible: even a single request takes ${number(lone.latencyMs.p50)} ms`,
    }
  }
  const walBytesPerRow = measured.walBytesPerRow?.median ?? 0
  const sized = (of: Costs) => sizeOf(of, objective, assumptions, walBytesPerRow, limit)
  const sizing = sized(costs)
  if (sizing === null) return { impossible: 'no worker can take any of this load' }
  const drawn = draws.flatMap(others => sized(others) ?? [])
  const interval = (of: (sizing: Sizing) => number) => ({
    value: of(sizing),
    ...(percentileInterval(drawn.map(of)) ?? { low: of(sizing), high: of(sizing) }),
  })
  const simulated = simulateWorker(costs, rowsPerRequest, objective.ratePerS / sizing.workers)
  const inputs: PlanInputs = { samples, measured, objective, assumptions, sizing, interval }
  const figures = [
    ...applicationFigures(inputs),
    ...memoryFigures(inputs),
    p99Figure(simulated.latencyMs.p99, inputs),
    ...databaseFigures(inputs),
    ...storageFigures(inputs),
    ...loadFigures(inputs),
    ...telemetryFigures(inputs),
  ]
  const checks = checksOf(samples, results.manifest.cores)
  return { objective, assumptions, figures, checks, notes: notesOn(inputs, figures) }
}

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

/** The highest rate of one worker that keeps its 99th percentile; null: a single request already exceeds it. */
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

function notesOn({ samples, measured }: PlanInputs, figures: readonly PlanFigure[]): string[] {
  const { walBytesPerRow, repeats } = measured
  return [
    walBytesPerRow === null &&
      'WAL was not measured: run the lab on a PostgreSQL that it may ask for statistics',
    figures.every(({ name }) => name !== 'telemetryCores') &&
      'what telemetry costs: add a run of observability-price',
    samples.every(({ load }) => load.generator !== 'k6') &&
      'k6 was not measured, and costs more than undici: install it and run again',
    repeats < 3 && `only ${counted(repeats, 'repeat')}: the intervals are too narrow`,
  ].filter(note => note !== false)
}
