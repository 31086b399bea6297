import { expect, test } from 'vitest'
import { predictCeiling, predictionText } from '../../../src/lab/experiments/prediction.ts'
import type { Sample } from '../../../src/lab/results.ts'
import { figure, sample } from '../analysis/samples.ts'

const machine = { cores: 2 }

/** A closed sweep of work that costs the API `a + b/n` us, PostgreSQL half of it and the generator 15 us. */
function sweep(perRequestUs: number, perTurnUs: number, throughputOf = (n: number) => 1_000 * n): Sample[] {
  return [1, 2, 4, 8, 16, 64].map(connections => {
    const throughputPerS = throughputOf(connections)
    const apiUs = perRequestUs + perTurnUs / connections
    const used = (us: number) => figure((us * throughputPerS) / 1e6)
    return sample({
      label: `work, ${connections} connections`,
      load: { generator: 'undici', mode: 'closed', connections, durationS: 2 },
      throughputPerS: figure(throughputPerS),
      utilisation: {
        api: used(apiUs),
        database: used(apiUs / 2),
        generator: used(15),
        host: used(1.5 * apiUs + 15),
      },
    })
  })
}

test('a constant demand predicts its own ceiling: the thread of the API', () => {
  const prediction = predictCeiling(sweep(50, 0), machine)
  expect(prediction?.resource).toBe('api')
  expect(prediction?.predictedPerS.median).toBeCloseTo(1e6 / 50)
  expect(prediction?.measured.load.connections).toBe(64)
})

test('a demand that falls with the batch is carried on to the heaviest load', () => {
  const prediction = predictCeiling(sweep(20, 100), machine)
  // At 64 clients: 21.56 us for the API, 47.3 us for all on two cores, which fill to 93 %.
  expect(prediction?.resource).toBe('host')
  expect(prediction?.predictedPerS.median).toBeCloseTo((0.93 * 2e6) / (1.5 * (20 + 100 / 64) + 15), -1)
})

test('only light steps count: what a full machine showed is no prediction', () => {
  const light = predictCeiling(sweep(50, 0), machine)
  const heavyDiffers = sweep(50, 0).map(one =>
    one.load.connections === 64 ? { ...one, utilisation: sample().utilisation } : one,
  )
  expect(predictCeiling(heavyDiffers, machine)?.predictedPerS).toEqual(light?.predictedPerS)
})

test('nor does a single client, for which every process has to wake up', () => {
  const sleepy = sweep(50, 0).map(one =>
    one.load.connections === 1
      ? { ...one, utilisation: { ...one.utilisation, api: figure(0.5), host: figure(1) } }
      : one,
  )
  expect(predictCeiling(sleepy, machine)?.predictedPerS.median).toBeCloseTo(1e6 / 50)
})

test('is measured where most was got of more clients than that', () => {
  const crowded = sweep(50, 0, n => (n === 64 ? 18_000 : 1_000 * n)).flatMap(one =>
    one.load.connections === 64
      ? [one, { ...one, load: { ...one.load, connections: 256 }, throughputPerS: figure(15_000) }]
      : [one],
  )
  expect(predictCeiling(crowded, machine)?.measured.load.connections).toBe(64)
})

test('too few steps, or no reading of CPU, predict nothing', () => {
  expect(predictCeiling([], machine)).toBeNull()
  expect(predictCeiling(sweep(50, 0).slice(0, 4), machine)).toBeNull()
  const blind = { api: null, database: null, generator: null, host: null }
  expect(
    predictCeiling(
      sweep(50, 0).map(one => ({ ...one, utilisation: { ...one.utilisation, ...blind } })),
      machine,
    ),
  ).toBeNull()
})

test('says how far the measurement is off', () => {
  const prediction = predictCeiling(
    sweep(50, 0, n => Math.min(1_000 * n, 18_000)),
    machine,
  )
  expect(prediction && predictionText(prediction)).toMatch(
    /set by the API; measured with 64 18,000 .*, 10 % less$/,
  )
})
