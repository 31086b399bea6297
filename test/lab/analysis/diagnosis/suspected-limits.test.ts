import { describe, expect, test } from 'vitest'
import { diagnose } from '../../../../src/lab/analysis/diagnose.ts'
import type { Circumstances } from '../../../../src/lab/analysis/diagnosis/case.ts'
import type { Limit, Postgres, Sample } from '../../../../src/lab/results.ts'
import { dedicated, figure, laptop, sample } from '../samples.ts'

type Change = Parameters<typeof sample>[0]

/** On a service whose thread has little to do, unless told otherwise. */
function diagnosis(change: Change, circumstances: Circumstances = dedicated) {
  const utilisation = { api: figure(0.3), apiThread: figure(0.3), ...change?.utilisation }
  return diagnose({ diagnosed: sample({ ...change, utilisation }) }, circumstances)
}

/** Every code that the diagnosis names, the suspected limit first. */
function named(change: Change, circumstances: Circumstances = dedicated): Limit[] {
  return diagnosis(change, circumstances).causes.map(({ limit }) => limit)
}

/** A service of 64 clients, each of whose requests is somewhere inside it. */
function whereabouts(poolQueue: number, database: number, elsewhere = 0): NonNullable<Sample['whereabouts']> {
  return {
    service: figure(poolQueue + database + elsewhere),
    poolQueue: figure(poolQueue),
    database: figure(database),
    batchQueue: figure(0),
  }
}

function pool(max: number, used: number, waitMs = 3, useMs = 1): NonNullable<Sample['pool']> {
  const timeouts = figure(0)
  return { max: figure(max), used: figure(used), waitMs: figure(waitMs), useMs: figure(useMs), timeouts }
}

function postgres(sessions: Record<string, number>, change: Partial<Postgres> = {}): Postgres {
  return {
    sessions: Object.fromEntries(Object.entries(sessions).map(([name, mean]) => [name, figure(mean)])),
    ...{ peakSessions: figure(21), maxConnections: figure(100), blockers: {}, statements: [] },
    ...{ walBytesPerRequest: figure(200), checkpoints: figure(0), probeCores: figure(0.01) },
    walFlush: { perS: figure(100), ms: figure(1), share: figure(0.1) },
    ...change,
  }
}

describe('connection-pool', () => {
  const idle = postgres({ 'Timeout:PgSleep': 1, idle: 0 })

  test('all lent, requests in line, PostgreSQL idle', () => {
    const { limit, confidence, ceiling, causes } = diagnosis({
      ...{ pool: pool(20, 20, 2.2, 1), whereabouts: whereabouts(44, 20), postgres: idle },
    })
    expect({ limit, confidence }).toEqual({ limit: 'connection-pool', confidence: 'high' })
    expect(causes[0]?.evidence).toContain(
      'a request waits 2.2 ms (2.09–2.31) for a connection and keeps it 1 ms (0.95–1.05)',
    )
    // 20 connections at 10,000 requests/s are full at just that.
    expect(ceiling?.predictedPerS.median).toBeCloseTo(10_000)
  })

  test('its ceiling is foretold from the lower load, whose wait is told beside', () => {
    const predictFrom = sample({ throughputPerS: figure(4000), pool: pool(20, 8, 0.1) })
    const diagnosed = sample({ pool: pool(20, 20), whereabouts: whereabouts(44, 20), postgres: idle })
    const { ceiling, causes } = diagnose({ diagnosed, predictFrom }, dedicated)
    expect(ceiling?.predictedPerS.median).toBeCloseTo(10_000)
    expect(causes[0]?.evidence.join()).toContain('under the lower load it waited 0.1 ms')
  })

  test('lent is not enough: nobody waits, or one is free', () => {
    expect(
      named({ pool: pool(20, 20), whereabouts: whereabouts(0.9, 20, 43), postgres: idle }),
    ).not.toContain('connection-pool')
    expect(named({ pool: pool(20, 17.9), whereabouts: whereabouts(44, 18), postgres: idle })).not.toContain(
      'connection-pool',
    )
  })

  test('connections opened past the pool, one a request, are not bounded by it', () => {
    expect(named({ pool: pool(20, 64), whereabouts: whereabouts(30, 30), postgres: idle })).toEqual([
      'inconclusive',
    ])
  })

  test('a full pool before a full thread is the thread’s doing', () => {
    const utilisation = { api: figure(0.99), apiThread: figure(0.99), host: figure(1.8) }
    expect(named({ utilisation, pool: pool(20, 20), whereabouts: whereabouts(44, 20) })).toEqual(['api-cpu'])
  })

  test('a full pool before locked rows comes second', () => {
    expect(
      named({
        ...{ pool: pool(20, 20), whereabouts: whereabouts(44, 20) },
        postgres: postgres({ 'Lock:transactionid': 1, 'Lock:tuple': 18, 'Timeout:PgSleep': 1 }),
      }),
    ).toEqual(['database-locks', 'connection-pool'])
  })
})

describe('database-locks', () => {
  test('named with who waits for whom, as certain as its signs are many', () => {
    const blockers = { 'idle in transaction: UPDATE counters': figure(15) }
    const { limit, confidence, causes, next } = diagnosis({
      postgres: postgres({ 'Lock:tuple': 14, 'Lock:transactionid': 1, cpu: 0.4 }, { blockers }),
    })
    expect({ limit, confidence }).toEqual({ limit: 'database-locks', confidence: 'high' })
    expect(next).toContain('Commit before the service does something else')
    expect(causes[0]?.evidence).toContain(
      '15 sessions wait behind one that is idle in transaction: UPDATE counters',
    )
    expect(diagnosis({ postgres: postgres({ 'Lock:tuple': 14 }) }).confidence).toBe('medium')
  })

  test.each([
    ['less than one session waits', { 'Lock:tuple': 0.9 }],
    ['more work than wait', { 'Lock:tuple': 4, cpu: 4.1 }],
    ['they wait for another’s flush', { 'LWLock:WALWrite': 10, cpu: 1 }],
  ])('not where %s', (_, sessions) => {
    expect(named({ postgres: postgres(sessions) })).not.toContain('database-locks')
  })

  test('internal locks and pinned buffers are waits for each other too', () => {
    expect(named({ postgres: postgres({ 'LWLock:BufferContent': 5, 'BufferPin:BufferPin': 1 }) })[0]).toBe(
      'database-locks',
    )
  })
})

describe('database-io', () => {
  const flushing = { walFlush: { perS: figure(90), ms: figure(10), share: figure(0.9) } }

  test('somebody always flushes, and the log is busy', () => {
    const { limit, confidence, causes } = diagnosis({
      postgres: postgres({ 'IO:WalSync': 0.9, 'LWLock:WALWrite': 6, cpu: 0.2 }, flushing),
    })
    expect({ limit, confidence }).toEqual({ limit: 'database-io', confidence: 'high' })
    expect(causes[0]?.evidence.join()).toContain('10 ms (9.5–10.5) each: 90 % of the time')
  })

  test('one connection that flushes six tenths of its time leaves the disk room: that is the pool', () => {
    const change = { pool: pool(1, 1), whereabouts: whereabouts(63, 1) }
    const flushes = { walFlush: { perS: figure(600), ms: figure(1), share: figure(0.6) } }
    expect(named({ ...change, postgres: postgres({ 'IO:WalSync': 0.6, cpu: 0.2 }, flushes) })).toEqual([
      'connection-pool',
    ])
  })

  test('sessions in line for a log that is seldom flushed wait for a core', () => {
    expect(named({ postgres: postgres({ 'LWLock:WALWrite': 6, 'IO:WalSync': 0.2 }) })).not.toContain(
      'database-io',
    )
  })

  test('on a full host only where the kernel saw the disk waited for', () => {
    const busy = {
      utilisation: { api: figure(0.7), database: figure(0.9), generator: figure(0.3), host: figure(1.95) },
      postgres: postgres({ 'IO:WalSync': 0.9, cpu: 0.5 }, flushing),
    }
    expect(named(busy, laptop)).not.toContain('database-io')
    const pressure = { cpu: figure(0.5), io: figure(0.4), memory: figure(0) }
    expect(named({ ...busy, pressure }, laptop)).toContain('database-io')
  })

  test('reads of tables count as well, with nothing known of the log', () => {
    const unknown = { walFlush: { perS: null, ms: null, share: null } }
    expect(diagnosis({ postgres: postgres({ 'IO:DataFileRead': 3 }, unknown) })).toMatchObject({
      ...{ limit: 'database-io', confidence: 'medium' },
    })
  })
})

describe('database-cpu', () => {
  const wanting = { postgres: postgres({ cpu: 9 }), whereabouts: whereabouts(20, 10) }

  test('sessions that want a core, are given none, and stand in no line for it', () => {
    const held = diagnosis({
      ...wanting,
      utilisation: { database: figure(0.3), databaseQueued: figure(0.5) },
    })
    expect(held).toMatchObject({ limit: 'database-cpu', confidence: 'high' })
    expect(held.sentence).toContain('too little CPU')
  })

  test('sessions that were sent a statement and do not begin it want a core too', () => {
    const change = {
      ...{ postgres: postgres({ cpu: 1, idle: 8 }), pool: pool(10, 9.9), whereabouts: whereabouts(20, 9.5) },
      utilisation: { database: figure(0.3), databaseQueued: figure(0.5) },
    }
    expect(named(change)).toEqual(['database-cpu', 'connection-pool'])
    // The service may be slow to read the results, or the way to PostgreSQL long.
    expect(
      named({ ...change, utilisation: { ...change.utilisation, apiThread: figure(0.8) } }),
    ).not.toContain('database-cpu')
    expect(named({ ...change, utilisation: { database: figure(0.3) } })).not.toContain('database-cpu')
  })

  test('not where they have their cores, or stand in line for them', () => {
    const served = {
      postgres: postgres({ cpu: 3 }),
      utilisation: { database: figure(2.9), databaseQueued: figure(0), host: figure(4) },
    }
    expect(named(served)).not.toContain('database-cpu')
    expect(
      named({ ...wanting, utilisation: { database: figure(0.6), databaseQueued: figure(8) } }),
    ).not.toContain('database-cpu')
    // Sessions that live shortly are not seen in line; on a full host they wait as all do.
    const short = { api: figure(0.6), database: figure(0.9), databaseQueued: figure(0.5), host: figure(1.95) }
    expect(named({ ...wanting, utilisation: short }, laptop)).not.toContain('database-cpu')
  })
})

describe('database-connections', () => {
  const refused = { errors: { ratio: figure(0.4), dropped: figure(0) }, failures: { '503': figure(0.4) } }
  const atMost = postgres({ starting: 20 }, { peakSessions: figure(96), maxConnections: figure(100) })

  test('as many sessions as the server takes, and failures', () => {
    const { limit, confidence, causes } = diagnosis({ ...refused, postgres: atMost })
    expect({ limit, confidence }).toEqual({ limit: 'database-connections', confidence: 'high' })
    expect(causes).toHaveLength(1)
  })

  test('also where no request succeeded at all', () => {
    expect(named({ ...refused, throughputPerS: figure(0), postgres: atMost })).toEqual([
      'database-connections',
    ])
  })

  test('failures with room for more sessions are failures', () => {
    const roomy = postgres({}, { peakSessions: figure(95) })
    const { limit, causes } = diagnosis({ ...refused, postgres: roomy })
    expect(limit).toBe('inconclusive')
    expect(causes[0]?.evidence[0]).toContain('503 40 %')
  })

  test('a full server that everybody is served by is no limit', () => {
    expect(named({ postgres: atMost })).not.toContain('database-connections')
  })
})

describe('refusals', () => {
  test('a service that refuses what is too much is still measured, and the refusals are told', () => {
    const busy = { api: figure(0.99), apiThread: figure(0.99), host: figure(1.8) }
    const { limit, causes } = diagnosis({
      errors: { ratio: figure(0.3), dropped: figure(0) },
      ...{ utilisation: busy, refusals: { connection_queue: figure(0.3) } },
    })
    expect(limit).toBe('api-cpu')
    expect(causes[0]?.evidence).toContain('the service refused 30 % of the requests (connection_queue)')
  })
})

describe('external-wait', () => {
  test('requests that are neither at work, nor in line, nor with PostgreSQL', () => {
    const { limit, confidence, causes } = diagnosis({
      ...{ utilisation: { api: figure(0.05), apiThread: figure(0.06) } },
      ...{ whereabouts: whereabouts(0, 0.2, 63), pool: pool(20, 0.2) },
    })
    expect({ limit, confidence }).toEqual({ limit: 'external-wait', confidence: 'high' })
    expect(causes[0]?.evidence[0]).toContain('63 are elsewhere')
  })

  test.each<[string, Change]>([
    ['most are with PostgreSQL', { whereabouts: whereabouts(0, 33, 31) }],
    [
      'they wait for the thread',
      { utilisation: { apiThread: figure(0.71) }, whereabouts: whereabouts(0, 0, 64) },
    ],
    [
      'the service’s database metrics are missing',
      { whereabouts: { ...whereabouts(0, 0, 64), database: null } },
    ],
    [
      'PostgreSQL works on statements that the service does not count',
      { whereabouts: whereabouts(0, 0, 64), postgres: postgres({ 'Client:ClientRead': 1 }) },
    ],
    ['most clients’ requests are not in the service', { whereabouts: whereabouts(0, 0, 31) }],
  ])('not where %s', (_, change) => {
    const { utilisation, ...rest } = change ?? {}
    expect(
      named({ ...rest, utilisation: { api: figure(0.2), apiThread: figure(0.2), ...utilisation } }),
    ).toEqual(['inconclusive'])
  })

  test('not where arrivals come in lumps and all of them are answered', () => {
    const lumps = {
      utilisation: { api: figure(0.47), apiThread: figure(0.47) },
      whereabouts: whereabouts(0, 3, 4),
    }
    const arriving = { generator: 'k6', mode: 'open', durationS: 3, maxConnections: 500 } as const
    expect(named({ ...lumps, load: { ...arriving, ratePerS: 10_000 } })).not.toContain('external-wait')
    expect(named({ ...lumps, load: { ...arriving, ratePerS: 20_000 } })).toContain('external-wait')
  })

  test('a loop that is never free, on a thread that hardly runs, is blocked', () => {
    const blocked = { api: figure(0.1), apiThread: figure(1), apiThreadRan: figure(0.1) }
    const { limit, confidence, next } = diagnosis({
      utilisation: { ...blocked, apiThreadQueued: figure(0.1) },
    })
    expect({ limit, confidence }).toEqual({ limit: 'external-wait', confidence: 'high' })
    expect(next).toContain('synchronous')
  })

  test('connections that requests keep only because the thread is stuck are not what they wait for', () => {
    const blocked = { api: figure(0.1), apiThread: figure(1), apiThreadRan: figure(0.1) }
    const change = {
      ...{ utilisation: { ...blocked, apiThreadQueued: figure(0.1) }, pool: pool(20, 20) },
      whereabouts: whereabouts(40, 20, 4),
    }
    expect(named(change)).toEqual(['external-wait'])
    const half = { ...change.utilisation, apiThreadRan: figure(0.7) }
    expect(named({ ...change, utilisation: half })).not.toContain('connection-pool')
    expect(named({ ...change, utilisation: { api: figure(0.1), apiThread: figure(0.1) } })).toContain(
      'connection-pool',
    )
  })

  test('a thread that a quota keeps from running is held, not stuck', () => {
    const blocked = { api: figure(0.25), apiThread: figure(1), apiThreadRan: figure(0.25) }
    const held = diagnosis({
      utilisation: { ...blocked, apiThreadQueued: figure(0) },
      throttled: { api: figure(0.74), database: null, generator: null },
    })
    expect(held.limit).toBe('environment')
    expect(held.causes.map(({ limit }) => limit)).not.toContain('external-wait')
  })

  test('a thread that stands in line for a core is not', () => {
    const inLine = { api: figure(0.4), apiThread: figure(1), apiThreadRan: figure(0.4), host: figure(7.6) }
    expect(named({ utilisation: { ...inLine, apiThreadQueued: figure(0.58) } })).not.toContain(
      'external-wait',
    )
  })
})

describe('a CPU that is unknown', () => {
  const load = { generator: 'undici', mode: 'closed', connections: 64, durationS: 3 } as const

  test('of the service: a full generator is not named as the limit', () => {
    const unread = { api: null, apiThread: null, apiThreadRan: null, apiThreadQueued: null, database: null }
    const utilisation = { ...unread, generator: figure(0.97), host: figure(1.2) }
    const { limit, sentence } = diagnosis({ load, utilisation })
    expect(limit).toBe('inconclusive')
    expect(sentence).toContain('could not be read, and the load generator could send little more')
  })

  test('of the database: the generator is not named for the rest of a full host', () => {
    const unread = { api: figure(0.05), apiThread: figure(0.05), database: null }
    const utilisation = { ...unread, generator: figure(0.1), host: figure(1.95) }
    const { limit, confidence, sentence, next } = diagnosis({ load, utilisation }, laptop)
    expect({ limit, confidence }).toEqual({ limit: 'host-cpu', confidence: 'low' })
    expect(sentence).not.toContain('generator')
    // `run` has other options than `attach`.
    expect(next).toContain('--database (of "run": --database-url)')
    expect(next).not.toContain('--pid')
    const unreadApi = { ...utilisation, api: null, apiThread: figure(0.05) }
    expect(diagnosis({ load, utilisation: unreadApi }, laptop).next).toContain(
      '"attach" reads the CPU of the service, if necessary with --pid; "run --url" does not.',
    )
    expect(sentence).toContain('the processes whose CPU is known use only 8 % of that')
  })

  test('of a database that may not exist: nothing claims that PostgreSQL shares the cores', () => {
    const known = { api: figure(0.85), apiThread: figure(0.95), generator: figure(0.8), host: figure(1.95) }
    const full = diagnosis({ load, utilisation: { ...known, database: null } }, laptop)
    expect(full.limit).toBe('host-cpu')
    expect(full.sentence).toContain(
      'the service, the load generator and whatever else runs here share 2 cores',
    )
    expect(JSON.stringify(full)).not.toContain('PostgreSQL')
    const seen = diagnosis({ load, utilisation: { ...known, database: figure(0.2) } }, laptop)
    expect(seen.sentence).toContain('the API, PostgreSQL and the load generator share 2 cores')
  })
})

describe('load-generator', () => {
  const ease = { api: figure(0.2), apiThread: figure(0.2) }

  test('clients whose requests have not arrived, at a service with nothing to do', () => {
    const absent = { utilisation: ease, whereabouts: whereabouts(0, 1, 1) }
    expect(diagnosis(absent)).toMatchObject({
      limit: 'load-generator',
      confidence: 'medium',
      ceiling: { measuredPerS: {} },
    })
    expect(diagnosis({ ...absent, generatorStalled: figure(0.6) }).confidence).toBe('high')
  })

  test.each([
    ['k6', ', or a cheaper one (--generator undici)'],
    ['undici', ', or a cheaper one (--generator wrk)'],
    ['wrk', ''],
  ] as const)('the way out of %s is none that costs as much', (generator, orAnother) => {
    const load = { generator, mode: 'closed', connections: 64, durationS: 3 } as const
    const absent = { load, utilisation: ease, whereabouts: whereabouts(0, 1, 1) }
    expect(diagnosis(absent).next).toBe(`Run the generator on another machine${orAnother}, and repeat.`)
  })

  test('wrk is not advised for a rate, which it cannot hold', () => {
    const load = { generator: 'undici', mode: 'open', ratePerS: 100, durationS: 3 } as const
    const dropped = { load, errors: { ratio: figure(0), dropped: figure(50) }, utilisation: ease }
    expect(diagnosis(dropped)).toMatchObject({
      limit: 'load-generator',
      next: 'Run the generator on another machine, and repeat.',
    })
  })

  test.each<[string, Change]>([
    ['a quarter of them have arrived', { whereabouts: whereabouts(0, 0, 16) }],
    [
      'the thread has not read them',
      { utilisation: { apiThread: figure(0.7) }, whereabouts: whereabouts(0, 1, 1) },
    ],
  ])('not where %s', (_, change) => {
    const { utilisation, ...rest } = change ?? {}
    expect(named({ ...rest, utilisation: { ...ease, ...utilisation } })).not.toContain('load-generator')
  })

  test('arrivals dropped because all clients wait in the service are the service’s doing', () => {
    const dropping = {
      load: { generator: 'k6', mode: 'open', ratePerS: 10_000, maxConnections: 64, durationS: 3 },
      errors: { ratio: figure(0), dropped: figure(9000) },
    } as const
    expect(named({ ...dropping, whereabouts: whereabouts(40, 20, 1) })).not.toContain('load-generator')
    expect(named({ ...dropping, whereabouts: whereabouts(10, 10, 1) })).toContain('load-generator')
  })
})

test('a full thread of a service that is not ours gets no advice about settings that it may not have', () => {
  const utilisation = { api: figure(0.99), apiThread: figure(0.99), host: figure(1.8) }
  expect(diagnosis({ utilisation }).next).toContain(
    'or start another process of it (with node:cluster, or WORKERS',
  )
  expect(diagnosis({ utilisation, pool: pool(20, 1) }).next).toContain('or add a worker: WORKERS is below')
  expect(
    diagnosis(
      { utilisation: { ...utilisation, api: figure(3.9) }, knobs: { workers: 4 } },
      { ...dedicated, cores: 4 },
    ).next,
  ).toContain('or add cores and workers.')
})

test('where nothing is full, the one that is nearly so is the best of weak signs', () => {
  const nearly = { api: figure(0.8), apiThread: figure(0.85), host: figure(1.5) }
  expect(diagnosis({ utilisation: nearly }, laptop)).toMatchObject({ limit: 'api-cpu', confidence: 'low' })
  // The host as full as the API to within what changes from run to run: one name for both of two such runs.
  for (const host of [1.54, 1.66]) {
    expect(diagnosis({ utilisation: { ...nearly, host: figure(host) } }, laptop).limit).toBe('host-cpu')
  }
  // What fills the host is not known where PostgreSQL is not seen.
  const elsewhere = { ...nearly, api: figure(0.3), apiThread: figure(0.3), database: null, host: figure(1.7) }
  expect(named({ utilisation: elsewhere }, laptop)[0]).toBe('inconclusive')
  expect(named({ utilisation: { ...nearly, api: figure(0.69), apiThread: figure(0.72) } })[0]).toBe(
    'inconclusive',
  )
})

describe('an offered rate', () => {
  const offered = {
    generator: 'k6',
    mode: 'open',
    ratePerS: 10_000,
    maxConnections: 64,
    durationS: 3,
  } as const

  test('kept up with is no limit, fallen behind is one that has no name yet', () => {
    expect(named({ load: offered })).toEqual(['none-observed'])
    expect(named({ load: offered, throughputPerS: figure(9_400) })).toEqual(['inconclusive'])
  })
})

describe('memory', () => {
  const runtime = (gcShare: number, heapShare: number) => ({
    ...{ residentMiB: figure(300), gcShare: figure(gcShare), heapShare: figure(heapShare) },
  })

  test.each<[string, Change, Limit | undefined]>([
    ['a quarter of the time spent collecting', { runtime: runtime(0.25, 0.4) }, 'memory'],
    ['less than that', { runtime: runtime(0.24, 0.4) }, undefined],
    ['a tenth, with the heap nearly full', { runtime: runtime(0.1, 0.85) }, 'memory'],
    ['a nearly full heap that costs nothing', { runtime: runtime(0.09, 0.9) }, undefined],
    ['processes that wait for memory', { pressure: { cpu: null, io: null, memory: figure(0.1) } }, 'memory'],
  ])('%s', (_, change, expected) => {
    expect(named(change).find(limit => limit === 'memory')).toBe(expected)
  })
})

describe('environment', () => {
  test('a quota that was used up, and whose', () => {
    const { limit, sentence } = diagnosis({
      throttled: { api: figure(0.3), database: null, generator: null },
    })
    expect(limit).toBe('environment')
    expect(sentence).toContain('the container of the API was stopped 30 % of the time')
    expect(named({ throttled: { api: figure(0.05), database: null, generator: null } })[0]).toBe(
      'inconclusive',
    )
  })

  test('what the service itself is limited by is named after the crowd', () => {
    const crowd = {
      api: figure(0.5),
      apiThread: figure(0.98),
      database: figure(0.05),
      generator: figure(0.05),
    }
    expect(named({ utilisation: { ...crowd, host: figure(1.98) } }, laptop)).toEqual([
      'environment',
      'api-cpu',
    ])
  })
})

test('two limits at once are both named', () => {
  expect(
    named({
      utilisation: { api: figure(0.99), apiThread: figure(0.99), host: figure(1.3) },
      postgres: postgres({ 'Lock:transactionid': 1, 'Lock:tuple': 8, 'idle in transaction': 1 }),
      ...{ pool: pool(10, 10), whereabouts: whereabouts(20, 10, 2) },
    }),
  ).toEqual(['api-cpu', 'database-locks'])
})

test('what is missing is said where nothing can be named', () => {
  const { causes, next } = diagnosis({ utilisation: { database: null } })
  expect(causes[0]?.evidence).toEqual(
    expect.arrayContaining([
      'not known: PostgreSQL’s CPU',
      'not known: the pool of connections',
      'not known: what PostgreSQL’s sessions wait for',
    ]),
  )
  expect(next).toContain('TELEMETRY=full')
})
