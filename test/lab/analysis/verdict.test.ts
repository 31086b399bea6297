import { describe, expect, test } from 'vitest'
import { judge } from '../../../src/lab/analysis/verdict.ts'
import { dedicated, figure, laptop, sample } from './samples.ts'

const busyApi = { api: figure(0.99), apiThread: figure(0.99), database: figure(0.6), host: figure(1.8) }

describe('the accused', () => {
  test('API thread: its CPU and its event loop both full', () => {
    const verdict = judge({ accused: sample({ utilisation: busyApi }) }, dedicated)
    expect(verdict).toMatchObject({ limit: 'api-cpu', confidence: 'high' })
    expect(verdict.sentence).toContain('10,000 requests/s')
    expect(verdict.ceiling?.predictedPerS.median).toBeCloseTo(10_000 / 0.99)
    expect(verdict.ceiling?.measuredPerS.median).toBe(10_000)
  })

  test('four workers are four threads', () => {
    const four = sample({ knobs: { workers: 4 }, utilisation: { ...busyApi, api: figure(2) } })
    expect(judge({ accused: four }, dedicated).limit).toBe('inconclusive')
    const full = sample({
      knobs: { workers: 4 },
      utilisation: { ...busyApi, api: figure(3.9), host: figure(5) },
    })
    expect(judge({ accused: full }, dedicated).limit).toBe('api-cpu')
  })

  test('PostgreSQL, when its processes fill the cores', () => {
    const accused = sample({ utilisation: { database: figure(7.6), host: figure(7.4) } })
    expect(judge({ accused }, dedicated).limit).toBe('database-cpu')
  })

  test('the host, when what shares it fills it and none of them is full alone', () => {
    const accused = sample({
      utilisation: {
        api: figure(0.8),
        apiThread: figure(0.95),
        database: figure(0.8),
        generator: figure(0.35),
        host: figure(1.97),
      },
    })
    const verdict = judge({ accused }, laptop)
    expect(verdict).toMatchObject({ limit: 'host-cpu', confidence: 'high' })
    expect(verdict.causes[0]?.evidence.join()).toContain('PostgreSQL uses 40 % of 2 cores')
    expect(verdict.ceiling?.predictedPerS.median).toBeCloseTo(10_000 * (2 / 1.95))
  })

  test('the host, when it is nearly full and the API thread waits for a core', () => {
    const accused = sample({
      utilisation: { api: figure(0.75), apiThread: figure(0.97), generator: figure(0.3), host: figure(1.7) },
    })
    const verdict = judge({ accused }, laptop)
    expect(verdict.limit).toBe('host-cpu')
    expect(verdict.causes[0]?.evidence).toContain(
      "the API's thread wanted a core 97 % of the time and had one 75 %",
    )
    const elsewhere = sample({
      utilisation: { api: figure(0.5), apiThread: figure(0.97), host: figure(1.2) },
    })
    expect(judge({ accused: elsewhere }, laptop).limit).toBe('inconclusive')
  })

  test('the generator, when its one thread is full', () => {
    const accused = sample({
      load: { generator: 'autocannon', mode: 'closed', connections: 64, durationS: 3 },
      utilisation: { ...busyApi, generator: figure(0.98) },
    })
    const verdict = judge({ accused }, dedicated)
    expect(verdict.limit).toBe('load-generator')
    expect(verdict.causes.map(({ limit }) => limit)).toEqual(['load-generator', 'api-cpu'])
  })

  test('the generator, when it fills the host more than everything it measures', () => {
    const accused = sample({
      utilisation: { api: figure(0.5), database: figure(0.3), generator: figure(1.1), host: figure(1.95) },
    })
    expect(judge({ accused }, laptop).limit).toBe('load-generator')
  })

  test('the generator, when it left arrivals out', () => {
    const accused = sample({
      load: { generator: 'k6', mode: 'open', ratePerS: 10_000, durationS: 3 },
      errors: { ratio: figure(0), dropped: figure(900) },
    })
    const verdict = judge({ accused }, dedicated)
    expect(verdict.limit).toBe('load-generator')
    expect(verdict.causes[0]?.evidence).toContain('900 of 30,000 arrivals were never sent')
  })

  test('the environment, when other programs fill the host', () => {
    const accused = sample({ utilisation: { api: figure(0.6), host: figure(1.95) } })
    const verdict = judge({ accused }, laptop)
    expect(verdict).toMatchObject({ limit: 'environment', ceiling: null })
    expect(verdict.sentence).toContain('30 % of it')
  })

  test('the environment before anyone else', () => {
    const accused = sample({ utilisation: busyApi })
    const verdict = judge({ accused }, { ...dedicated, stealRatio: 0.2 })
    expect(verdict.causes.map(({ limit }) => limit)).toEqual(['environment', 'api-cpu'])
  })
})

describe('no accused', () => {
  test('one client that waits for its answers limits itself', () => {
    const lone = sample({ load: { generator: 'k6', mode: 'closed', connections: 1, durationS: 3 } })
    expect(judge({ accused: lone }, dedicated)).toMatchObject({ limit: 'none-observed', ceiling: null })
  })

  test('many clients waiting for nothing that can be seen is inconclusive', () => {
    const verdict = judge({ accused: sample() }, dedicated)
    expect(verdict).toMatchObject({ limit: 'inconclusive', ceiling: null })
    expect(verdict.next).toContain('pool')
  })

  test.each([
    ['nothing was measured', null],
    ['nothing was answered', sample({ throughputPerS: figure(0) })],
    ['requests failed', sample({ errors: { ratio: figure(0.3), dropped: figure(0) } })],
    [
      'CPU could not be read',
      sample({ utilisation: { api: null, apiThread: null, database: null, host: figure(1) } }),
    ],
  ])('%s: inconclusive, without a ceiling', (_, accused) => {
    expect(judge({ accused }, dedicated)).toMatchObject({ limit: 'inconclusive', ceiling: null })
  })
})

test('the ceiling is predicted from the lower load where there is one', () => {
  const accused = sample({ utilisation: busyApi })
  const predictFrom = sample({
    throughputPerS: figure(4_000),
    utilisation: { api: figure(0.5), host: figure(0.9) },
  })
  const { ceiling } = judge({ accused, predictFrom }, dedicated)
  expect(ceiling?.predictedPerS.median).toBeCloseTo(8_000)
  expect(ceiling?.measuredPerS.median).toBe(10_000)
})

test('shared cores make the rate a lower bound', () => {
  const { sentence, causes } = judge({ accused: sample({ utilisation: busyApi }) }, laptop)
  expect(sentence).toContain('at least 10,000 requests/s')
  expect(causes[0]?.evidence.at(-1)).toContain('share 2 cores')
})

test('a rate that has not settled makes the verdict less certain, and is told', () => {
  const accused = sample({ utilisation: busyApi, steady: false })
  const { confidence, causes } = judge({ accused }, dedicated)
  expect(confidence).toBe('medium')
  expect(causes[0]?.evidence).toContain('its rate had not settled in every repeat')
})

test('a machine that does not keep its speed makes every verdict less certain', () => {
  const accused = sample({ utilisation: busyApi })
  const { limit, confidence, causes } = judge({ accused }, { ...dedicated, speedSpread: 2.5 })
  expect({ limit, confidence }).toEqual({ limit: 'api-cpu', confidence: 'medium' })
  expect(causes[0]?.evidence.at(-1)).toContain('2.5 times the CPU')
})
