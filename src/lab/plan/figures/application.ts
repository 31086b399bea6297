import { counted, number } from '../../analysis/wording.ts'
import type { Measured } from '../costs.ts'
import type { Assumptions, Objective, Sizing } from '../sizing.ts'
import { beyond, type Interval, type PlanFigure } from './figure.ts'

export function applicationFigures(
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
      `measured with ${counted(measured.workers, 'worker')} at most`,
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

/** A pod's memory over what one worker was seen to hold: a burst of requests, a profile being taken. */
const memoryReserve = 1.5

export function memoryFigures({ residentMiB }: Measured): PlanFigure[] {
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

export function p99Figure(p99Ms: number, { requestsPerS }: Measured, { ratePerS }: Objective): PlanFigure {
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
