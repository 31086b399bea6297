import { type Cost, requestCostUs } from '../../../src/lab/plan/costs.ts'
import type { Figure, Results, Sample } from '../../../src/lab/results.ts'
import { sample } from '../analysis/samples.ts'

/** A service whose costs are known: what is read from its samples must be these again. */
export const api: Cost = { requestUs: 20, rowUs: 2, batchUs: 60 }
export const database: Cost = { requestUs: 1, rowUs: 3, batchUs: 80 }
export const generatorUs = 15
export const pauseUs = 400

/** Three repeats, each so far from the middle. */
const figure = (middle: number, spread = 0): Figure => {
  const values = [middle * (1 - spread), middle, middle * (1 + spread)]
  return { median: middle, low: values[0] ?? 0, high: values[2] ?? 0, repeats: 3, values }
}

export function batched(connections: number, rowsPerBatch: number, rows = 1): Sample {
  const apiUs = requestCostUs(api, rows, rowsPerBatch)
  const databaseUs = requestCostUs(database, rows, rowsPerBatch)
  const loneRoundUs = apiUs + databaseUs + generatorUs + pauseUs
  return sample({
    label: `1 worker, ${rows} rows, ${connections} connections`,
    knobs: { strategy: 'batched', workers: 1, rows },
    load: { generator: 'undici', mode: 'closed', connections, durationS: 2 },
    throughputPerS: figure((connections * 1e6) / loneRoundUs),
    cpuPerRequestUs: {
      api: figure(apiUs, 0.03),
      database: figure(databaseUs, 0.03),
      generator: figure(generatorUs),
    },
    rowsPerBatch: figure(rowsPerBatch),
  })
}

export const samples = [
  batched(1, 1),
  batched(8, 4),
  batched(64, 30),
  batched(8, 40, 10),
  batched(64, 300, 10),
]
export const results = (all: readonly Sample[]): Results => ({
  schema: 1,
  startedAt: '2026-11-25T00:00:00Z',
  complete: true,
  manifest: {
    insertlab: '0.1.0',
    commit: null,
    node: '24',
    postgres: '18',
    generator: 'undici',
    platform: 'linux',
    kernel: '6',
    cpuModel: 'x',
    cores: 2,
    memoryGiB: 8,
    sharedCores: true,
    cgroupQuotaCores: null,
    stealRatio: 0,
    warnings: [],
  },
  experiments: [
    {
      name: 'capacity',
      question: '',
      hypothesis: '',
      finding: null,
      repeat: '',
      answer: '',
      samples: [...all],
      verdict: {
        limit: 'none-observed',
        confidence: 'low',
        sentence: '',
        causes: [],
        ceiling: null,
        confirmed: null,
        next: '',
      },
    },
  ],
})
