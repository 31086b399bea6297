import { counted, number } from '../../analysis/wording.ts'
import { beyond, exactly, measuredHere, type PlanFigure, type PlanInputs, scaled } from './figure.ts'

export function applicationFigures(inputs: PlanInputs): PlanFigure[] {
  const { sizing, interval, measured, objective, assumptions } = inputs
  const { ratePerS, rowsPerRequest } = objective
  const { utilisation } = assumptions
  const far = beyond(
    sizing.workerRatePerS > measured.requestsPerS &&
      `one worker was measured up to ${number(measured.requestsPerS)} requests/s`,
    sizing.rowsPerBatch > measured.rowsPerBatch &&
      `batches were measured up to ${number(measured.rowsPerBatch)} rows`,
    !measured.rowsPerRequest.includes(rowsPerRequest) &&
      `requests of ${measured.rowsPerRequest.join(', ')} rows were measured`,
  )
  const many = beyond(
    ratePerS / sizing.workerRatePerS > measured.workers &&
      `measured with ${counted(measured.workers, 'worker')} at most`,
  )
  return [
    {
      name: 'workerRatePerS',
      title: 'one worker takes',
      ...interval(({ workerRatePerS }) => workerRatePerS),
      unit: 'requests/s',
      formula: `the most that keeps its thread, and the batch it has on its way, ${number(utilisation * 100)} % busy and the simulated p99 within the objective`,
      ...far,
    },
    {
      name: 'rowsPerBatch',
      title: 'rows that share a batch',
      ...interval(({ rowsPerBatch }) => rowsPerBatch),
      unit: '',
      formula:
        'n = x t₀ / (1 − x t₁), with x rows/s of a worker and T(n) = t₀ + t₁ n the time a batch is on its way',
      ...far,
    },
    {
      name: 'workers',
      title: 'workers, one a pod',
      ...interval(({ workers }) => workers),
      unit: 'pods',
      formula: 'rate / one worker takes',
      ...(far.because === null ? many : far),
    },
    {
      name: 'apiCores',
      title: 'cores for the API',
      ...interval(({ apiCores }) => apiCores),
      unit: 'cores',
      formula: `rate · (request + r (row + batch / n)) / ${utilisation}`,
      ...(far.because === null ? many : far),
    },
  ]
}

/** A pod's memory over what one worker was seen to hold: a burst of requests, a profile being taken. */
const memoryReserve = 1.5

export function memoryFigures({ measured: { residentMiB } }: PlanInputs): PlanFigure[] {
  if (residentMiB === null) return []
  return [
    {
      name: 'podMemoryMiB',
      title: 'memory of a pod',
      ...scaled(residentMiB, memoryReserve),
      unit: 'MiB',
      formula: `resident memory of the busiest worker · ${memoryReserve}`,
      ...measuredHere,
    },
  ]
}

export function p99Figure(p99Ms: number, { measured, objective }: PlanInputs): PlanFigure {
  return {
    name: 'p99Ms',
    title: 'p99 of the latency',
    ...exactly(p99Ms),
    unit: 'ms',
    formula: 'simulation of one worker at rate / workers, arrivals at random',
    ...beyond(
      objective.ratePerS > measured.requestsPerS &&
        'a simulation of one worker; PostgreSQL was not measured at the whole rate',
    ),
  }
}
