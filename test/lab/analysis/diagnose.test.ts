import { describe, expect, test } from 'vitest'
import { diagnose } from '../../../src/lab/analysis/diagnose.ts'
import type { Diagnosis } from '../../../src/lab/results.ts'
import { dedicated, figure, laptop, sample } from './samples.ts'

const busyApi = { api: figure(0.99), apiThread: figure(0.99), database: figure(0.6), host: figure(1.8) }

describe('the suspected limit', () => {
  test('API thread: its CPU and its event loop both full', () => {
    const diagnosis = diagnose({ diagnosed: sample({ utilisation: busyApi }) }, dedicated)
    expect(diagnosis).toMatchObject({ limit: 'api-cpu', confidence: 'high' })
    expect(diagnosis.sentence).toContain('10,000 requests/s')
    expect(diagnosis.ceiling?.predictedPerS.median).toBeCloseTo(10_000 / 0.99)
    expect(diagnosis.ceiling?.measuredPerS.median).toBe(10_000)
  })

  test('four workers are four threads', () => {
    const four = sample({ knobs: { workers: 4 }, utilisation: { ...busyApi, api: figure(2) } })
    expect(diagnose({ diagnosed: four }, dedicated).limit).toBe('inconclusive')
    const full = sample({
      knobs: { workers: 4 },
      utilisation: { ...busyApi, api: figure(3.9), host: figure(5) },
    })
    expect(diagnose({ diagnosed: full }, dedicated).limit).toBe('api-cpu')
  })

  test('PostgreSQL, when its processes fill the cores', () => {
    const diagnosed = sample({ utilisation: { database: figure(7.6), host: figure(7.4) } })
    expect(diagnose({ diagnosed }, dedicated).limit).toBe('database-cpu')
  })

  test('the host, when what shares it fills it and none of them is full alone', () => {
    const diagnosed = sample({
      utilisation: {
        api: figure(0.8),
        apiThread: figure(0.95),
        database: figure(0.8),
        generator: figure(0.35),
        host: figure(1.97),
      },
    })
    const diagnosis = diagnose({ diagnosed }, laptop)
    expect(diagnosis).toMatchObject({ limit: 'host-cpu', confidence: 'high' })
    expect(diagnosis.causes[0]?.evidence.join()).toContain('PostgreSQL uses 40 % of 2 cores')
    expect(diagnosis.ceiling?.predictedPerS.median).toBeCloseTo(10_000 * (2 / 1.95))
  })

  test('the host, when it is nearly full and the API thread waits for a core', () => {
    const diagnosed = sample({
      utilisation: { api: figure(0.75), apiThread: figure(0.97), generator: figure(0.3), host: figure(1.7) },
    })
    const diagnosis = diagnose({ diagnosed }, laptop)
    expect(diagnosis.limit).toBe('host-cpu')
    expect(diagnosis.causes[0]?.evidence).toContain(
      "the API's thread wanted a core 97 % of the time and had one 75 %",
    )
    const elsewhere = sample({
      utilisation: { api: figure(0.5), apiThread: figure(0.97), host: figure(1.2) },
    })
    expect(diagnose({ diagnosed: elsewhere }, laptop).limit).toBe('inconclusive')
  })

  test('the generator, when its one thread is full', () => {
    const diagnosed = sample({
      load: { generator: 'undici', mode: 'closed', connections: 64, durationS: 3 },
      utilisation: { ...busyApi, generator: figure(0.98) },
    })
    const diagnosis = diagnose({ diagnosed }, dedicated)
    expect(diagnosis.limit).toBe('load-generator')
    expect(diagnosis.causes.map(({ limit }) => limit)).toEqual(['load-generator', 'api-cpu'])
  })

  test('the generator, when it fills the host more than everything it measures', () => {
    const diagnosed = sample({
      utilisation: { api: figure(0.5), database: figure(0.3), generator: figure(1.1), host: figure(1.95) },
    })
    expect(diagnose({ diagnosed }, laptop).limit).toBe('load-generator')
  })

  test('the generator, when it left arrivals out', () => {
    const diagnosed = sample({
      load: { generator: 'k6', mode: 'open', ratePerS: 10_000, durationS: 3 },
      errors: { ratio: figure(0), dropped: figure(900) },
    })
    const diagnosis = diagnose({ diagnosed }, dedicated)
    expect(diagnosis.limit).toBe('load-generator')
    expect(diagnosis.causes[0]?.evidence).toContain('900 of 30,000 arrivals were never sent')
  })

  test('the environment, when other programs fill the host', () => {
    const diagnosed = sample({ utilisation: { api: figure(0.6), host: figure(1.95) } })
    const diagnosis = diagnose({ diagnosed }, laptop)
    expect(diagnosis).toMatchObject({ limit: 'environment', ceiling: null })
    expect(diagnosis.sentence).toContain('30 % of the machine')
  })

  test('the environment before anyone else', () => {
    const diagnosed = sample({ utilisation: busyApi })
    const diagnosis = diagnose({ diagnosed }, { ...dedicated, stealRatio: 0.2 })
    expect(diagnosis.causes.map(({ limit }) => limit)).toEqual(['environment', 'api-cpu'])
  })
})

describe('no suspected limit', () => {
  test('one client that waits for its answers limits itself', () => {
    const lone = sample({ load: { generator: 'k6', mode: 'closed', connections: 1, durationS: 3 } })
    expect(diagnose({ diagnosed: lone }, dedicated)).toMatchObject({ limit: 'none-observed', ceiling: null })
  })

  test('many clients waiting for nothing that can be seen is inconclusive', () => {
    const diagnosis = diagnose({ diagnosed: sample() }, dedicated)
    expect(diagnosis).toMatchObject({ limit: 'inconclusive', ceiling: null })
    expect(diagnosis.next).toContain('pool')
  })

  test.each([
    ['nothing was measured', null],
    ['nothing was answered', sample({ throughputPerS: figure(0) })],
    ['requests failed', sample({ errors: { ratio: figure(0.3), dropped: figure(0) } })],
    [
      'CPU could not be read',
      sample({ utilisation: { api: null, apiThread: null, database: null, host: figure(1) } }),
    ],
  ])('%s: inconclusive, without a ceiling', (_, diagnosed) => {
    expect(diagnose({ diagnosed }, dedicated)).toMatchObject({ limit: 'inconclusive', ceiling: null })
  })
})

test('the ceiling is predicted from the lower load where there is one', () => {
  const diagnosed = sample({ utilisation: busyApi })
  const predictFrom = sample({
    throughputPerS: figure(4_000),
    utilisation: { api: figure(0.5), host: figure(0.9) },
  })
  const { ceiling } = diagnose({ diagnosed, predictFrom }, dedicated)
  expect(ceiling?.predictedPerS.median).toBeCloseTo(8_000)
  expect(ceiling?.measuredPerS.median).toBe(10_000)
})

test('shared cores make the rate a lower bound', () => {
  const { sentence, causes } = diagnose({ diagnosed: sample({ utilisation: busyApi }) }, laptop)
  expect(sentence).toContain('at least 10,000 requests/s')
  expect(causes[0]?.evidence.at(-1)).toContain('share 2 cores')
})

test('a rate that has not settled makes the diagnosis less certain, and is told', () => {
  const diagnosed = sample({ utilisation: busyApi, steady: false })
  const { confidence, causes } = diagnose({ diagnosed }, dedicated)
  expect(confidence).toBe('medium')
  expect(causes[0]?.evidence).toContain('the rate was not steady in every repeat')
})

test('a machine that does not keep its speed makes the diagnosis less certain, and the diagnosis says so', () => {
  const diagnosed = sample({ utilisation: busyApi })
  expect(diagnose({ diagnosed }, dedicated)).not.toHaveProperty('caution')
  const { limit, confidence, caution } = diagnose({ diagnosed }, { ...dedicated, speedSpread: 1.46 })
  expect(caution).toMatch(/The machine's speed changed .* 1\.46 times the CPU\. Do not rely on the order/)
  expect({ limit, confidence }).toEqual({ limit: 'api-cpu', confidence: 'medium' })
})

describe('a service on a machine that other programs keep busy', () => {
  const utilisation = { api: figure(0.97), apiThread: null, database: null, generator: figure(0.2) }
  const busy = sample({ utilisation: { ...utilisation, host: figure(1.9) } })

  test('has a diagnosis of low confidence, which says why', () => {
    const { limit, confidence, caution } = diagnose({ diagnosed: busy }, laptop)
    expect({ limit, confidence }).toEqual({ limit: 'api-cpu', confidence: 'low' })
    expect(caution).toMatch(
      /^Other programs, or a database whose CPU was not read, used 37 % of the machine, which was 95 % busy\./,
    )
  })

  test('has one that what several samples show does not make more certain', () => {
    const refine = (diagnosis: Diagnosis): Diagnosis => ({
      ...diagnosis,
      limit: 'external-wait',
      confidence: 'medium',
    })
    const { limit, confidence } = diagnose({ diagnosed: busy, refine }, laptop)
    expect({ limit, confidence }).toEqual({ limit: 'external-wait', confidence: 'low' })
  })

  test.each([
    ['cores are free', busy, dedicated],
    ['the others take little', sample({ utilisation: { ...utilisation, host: figure(1.4) } }), laptop],
  ])('but not where %s', (_, diagnosed, machine) => {
    const diagnosis = diagnose({ diagnosed }, machine)
    expect(diagnosis.limit).toBe('api-cpu')
    expect(diagnosis.confidence).not.toBe('low')
    expect(diagnosis).not.toHaveProperty('caution')
  })

  test('is certain where the other programs are the limit', () => {
    const known = sample({ utilisation: { api: figure(0.6), host: figure(1.95) } })
    const diagnosis = diagnose({ diagnosed: known }, laptop)
    expect(diagnosis).toMatchObject({ limit: 'environment', confidence: 'high' })
    expect(diagnosis).not.toHaveProperty('caution')
  })
})
