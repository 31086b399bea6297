import { describe, expect, test } from 'vitest'
import { type AttachPlan, attachExperiment, troubleIn } from '../../../src/lab/attach/attach-experiment.ts'
import type { Step } from '../../../src/lab/experiments/experiment.ts'
import type { Sample } from '../../../src/lab/results.ts'
import { figure, sample } from '../analysis/samples.ts'

const plan: AttachPlan = {
  target: 'target:80',
  requests: [{ path: '/' }],
  baseUrl: 'http://target/v1?key=s3cret',
  cpuUnknown: null,
  maxConnections: 24,
  profile: false,
  maxRatePerS: 10_000,
  p99Ms: 100,
  timing: { processWarmupS: 0, warmupS: 1, durationS: 1, repeats: 1 },
}

function closedAt(connections: number, ratePerS: number, api = 0.5): Sample {
  return sample({
    load: { generator: 'undici', mode: 'closed', connections, durationS: 1 },
    throughputPerS: figure(ratePerS),
    utilisation: { api: figure(api) },
  })
}

/** A service that holds every rate up to its limit, and none above. */
function openAt(ratePerS: number, limitPerS: number): Sample {
  const isHeld = ratePerS <= limitPerS
  const exact = (value: number) => ({ median: value, low: value, high: value, repeats: 1 })
  return sample({
    load: { generator: 'k6', mode: 'open', ratePerS, durationS: 1 },
    throughputPerS: exact(Math.min(ratePerS, limitPerS)),
    latencyMs: { p50: exact(1), p90: exact(1), p99: exact(isHeld ? 10 : 400), max: exact(500) },
    errors: { ratio: exact(0), dropped: exact(0) },
  })
}

function searched(ceilingPerS: number, limitPerS: number, change: Partial<AttachPlan> = {}): number[] {
  const { search } = attachExperiment({ ...plan, ...change })
  const samples = [closedAt(1, ceilingPerS / 4), closedAt(24, ceilingPerS)]
  const rates: number[] = []
  for (let asked = 0; asked < (search?.atMost ?? 0); asked++) {
    const load: Step['load'] | undefined = search?.next(samples)?.load
    if (load?.mode !== 'open') break
    rates.push(load.ratePerS)
    samples.push(openAt(load.ratePerS, limitPerS))
  }
  return rates
}

test('the sweep doubles, and ends with the connections that were allowed', () => {
  const { steps } = attachExperiment(plan)
  const connections = steps.map(({ load }) => (load.mode === 'closed' ? load.connections : null))
  expect(connections).toEqual([1, 2, 4, 8, 16, 24])
})

test.each([
  [16, [1, 2, 3, 4, 8, 16]],
  [8, [1, 2, 3, 4, 6, 8]],
  [4, [1, 2, 3, 4]],
  [1, [1]],
  [64, [1, 2, 4, 8, 16, 32, 64]],
])(
  'up to %i connections there are six points for the scaling law, if there can be',
  (maxConnections, expected) => {
    const { steps } = attachExperiment({ ...plan, maxConnections })
    expect(steps.map(({ load }) => (load.mode === 'closed' ? load.connections : null))).toEqual(expected)
  },
)

describe('what is measured again', () => {
  const { search, timing, steps } = attachExperiment({ ...plan, timing: { ...plan.timing, repeats: 3 } })
  const next = (samples: Sample[]) => search?.next(samples)?.load

  /** A closed step that was measured so often; its values lie so far apart. */
  function measured(connections: number, perS: number, repeats: number, width = 0.02): Sample {
    const [low, high] = [perS * (1 - width / 2), perS * (1 + width / 2)]
    return { ...closedAt(connections, perS), throughputPerS: { median: perS, low, high, repeats } }
  }

  test('the sweep at first once', () => {
    expect(timing.repeats).toBe(1)
    expect(steps).toHaveLength(6)
  })

  test('of the sweep only what the answer rests on, and a third time only where two are far apart', () => {
    const first = [1, 2, 4, 8, 16, 24].map(n => measured(n, n === 8 ? 1000 : 100 * n, 1))
    const asked = new Set<number>()
    const samples = [...first]
    for (let load = next(samples); load?.mode === 'closed'; load = next(samples)) {
      const at = samples.findIndex(
        one => one.load.connections === (load as { connections: number }).connections,
      )
      const one = samples[at]
      if (one === undefined) throw new Error('an unknown step')
      asked.add(load.connections)
      // The measurement of one client alone spreads widely.
      const width = load.connections === 1 ? 0.3 : 0.02
      samples[at] = measured(
        load.connections,
        one.throughputPerS.median,
        one.throughputPerS.repeats + 1,
        width,
      )
    }
    expect([...asked].toSorted((a, b) => a - b)).toEqual([1, 24])
    expect(samples.map(one => one.throughputPerS.repeats)).toEqual([3, 1, 1, 1, 1, 2])
  })

  test('the highest rate that held, before it is said to hold', () => {
    const sweep = [1, 24].map(n => measured(n, 40 * n, 3))
    const held = { ...openAt(900, 900), throughputPerS: { median: 900, low: 900, high: 900, repeats: 1 } }
    const beyond = openAt(980, 900)
    expect(next([...sweep, held, beyond])).toMatchObject({ mode: 'open', ratePerS: 900 })
    const twice = { ...held, throughputPerS: { ...held.throughputPerS, repeats: 3 } }
    expect(next([...sweep, twice, beyond])).toBeUndefined()
  })
})

describe('the search for a rate', () => {
  test('says so where no rate held', () => {
    const failing = [500, 300].map(rate => openAt(rate, 100))
    const { answer } = attachExperiment(plan).conclude([closedAt(1, 100), closedAt(24, 1000), ...failing])
    expect(answer).toMatch(
      /No rate of arrivals was answered in time \(wanted: at least 97 % answered, p99 at most \d+ ms\)\. The lowest that was tried is 300\/s\.$/,
    )
  })

  test('says how many arrivals were not sent', () => {
    const beyond = { ...openAt(900, 800), errors: { ratio: figure(0), dropped: figure(80) } }
    const measured = [closedAt(1, 100), closedAt(24, 1000), openAt(800, 800), beyond]
    expect(attachExperiment(plan).conclude(measured).answer).toMatch(
      /800 arrivals\/s are answered in time.* At 900\/s k6 did not send 80 arrivals \(76–84\) of 900\.$/,
    )
  })

  test('closes in on the limit from both sides', () => {
    const rates = searched(1000, 850)
    expect(rates.length).toBeLessThanOrEqual(4)
    const held = Math.max(...rates.filter(rate => rate <= 850))
    expect(held).toBeGreaterThan(850 / 1.2)
  })

  test('tries little more than the sweep answered, and never more than was allowed', () => {
    expect(Math.max(...searched(1000, 1e9))).toBeLessThan(1150)
    expect(Math.max(...searched(1e6, 1e9))).toBeLessThanOrEqual(10_000)
    expect(Math.max(...searched(1000, 1e9, { maxRatePerS: 300 }))).toBe(300)
  })

  test('has nothing to look for where nothing was answered', () => {
    expect(searched(0, 0)).toEqual([])
  })
})

test('takes a target for as many cores as it was seen to use', () => {
  const { conclude } = attachExperiment(plan)
  const workersOf = (api: number) =>
    conclude([closedAt(1, 100, 0.2), closedAt(24, 1000, api)]).diagnosed?.knobs['workers']
  expect([0.5, 1.05, 1.6, 2.1].map(workersOf)).toEqual([1, 1, 2, 2])
})

test('what was measured is no limit of what the service could do', () => {
  const { answer } = attachExperiment(plan).conclude([closedAt(1, 100), closedAt(24, 1000)])
  expect(answer).toMatch(/^The most that it answered: 1,000 requests\/s \(950–1,050\), at 24 connections\./)
  expect(attachExperiment(plan).conclude([closedAt(1, 100)]).answer).toContain(', at 1 connection.')
})

test('trouble is too many failures, or no answer at all', () => {
  const exact = (value: number) => ({ median: value, low: value, high: value, repeats: 1 })
  const failing = sample({ errors: { ratio: exact(0.2), dropped: exact(0) } })
  expect(troubleIn([sample(), failing], 0.1)).toEqual({
    what: '20 % of the requests of "prepared, 64 connections" failed',
    remedy: 'Find the first error in the log of the service. --max-errors tolerates more.',
  })
  expect(troubleIn([sample(), failing], 0.5)).toBeNull()
  expect(troubleIn([sample(), sample({ throughputPerS: exact(0) })], 0.5)?.what).toBe(
    '"prepared, 64 connections" got no answer',
  )
  expect(troubleIn([], 0.1)).toBeNull()
})

test.each([
  ['429', 'lower --max-connections and --max-rate'],
  ['401', '--header "authorization: Bearer'],
  ['302', 'name the address that it leads to'],
  ['no answer', 'log of the service'],
])('failures are named, and for %s what to do', (status, remedy) => {
  const exact = (value: number) => ({ median: value, low: value, high: value, repeats: 1 })
  const failures = { [status]: exact(0.95), '500': exact(0.02) }
  const trouble = troubleIn([sample({ errors: { ratio: exact(0.97), dropped: exact(0) }, failures })], 0.1)
  expect(trouble?.what).toContain('97 % of the requests of "prepared, 64 connections" failed: ')
  expect(trouble?.what).toContain(`${status} 95 %`)
  expect(trouble?.remedy).toContain(remedy)
})

test('says what is asked for as the load asks for it, without its secrets', () => {
  expect(attachExperiment(plan).question).toContain('does target:80 answer to GET /v1/?key=***, and')
})
