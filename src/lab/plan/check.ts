import { workersOf } from '../analysis/demand.ts'
import type { Figure, Sample } from '../results.ts'
import { costsOf, isOrdinary, rowsOf } from './costs.ts'
import { simulate } from './simulation.ts'

/** What the model predicts for a step that it was not given, and what was measured. */
export interface Check {
  readonly label: string
  readonly throughputPerS: Predicted
  readonly p95Ms: Predicted
}

export interface Predicted {
  readonly predicted: number
  readonly measured: Figure
}

/** The model sees one worker under at most so many clients … */
const seenClients = 16
/** … and a simulated step has so long to show itself. */
const simulatedS = 10

/**
 * Predicts the measured steps under more clients, and those of several workers, from the light steps of one worker.
 * All of it shares the machine's cores, in the simulation as in the lab.
 */
export function checksOf(samples: readonly Sample[], cores: number): Check[] {
  const found = costsOf(samples.filter(sample => clientsOf(sample) <= seenClients))
  if ('missing' in found) return []
  const unseen = samples.filter(
    sample =>
      isOrdinary(sample) &&
      found.measured.rowsPerRequest.includes(rowsOf(sample)) &&
      (clientsOf(sample) > seenClients || workersOf(sample) > 1),
  )
  return unseen.flatMap(sample => {
    const { p95 } = sample.latencyMs
    if (p95 === undefined) return []
    const simulated = simulate({
      costs: found.costs,
      rowsPerRequest: rowsOf(sample),
      workers: workersOf(sample),
      load: { mode: 'closed', clients: clientsOf(sample) },
      sharedCores: cores,
      othersCores: found.measured.othersCores,
      seconds: simulatedS,
    })
    return {
      label: sample.label,
      throughputPerS: { predicted: simulated.throughputPerS, measured: sample.throughputPerS },
      p95Ms: { predicted: simulated.latencyMs.p95, measured: p95 },
    }
  })
}

function clientsOf({ load }: Pick<Sample, 'load'>): number {
  return load.connections ?? 1
}
