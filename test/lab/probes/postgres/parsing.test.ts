import { describe, expect, test } from 'vitest'
import { blockersOf, type LockedSession } from '../../../../src/lab/probes/postgres/locks.ts'
import { type SessionGroup, sessionsOf } from '../../../../src/lab/probes/postgres/sessions.ts'
import { type Statistics, statisticsBetween } from '../../../../src/lab/probes/postgres/statistics.ts'

function group(sessions: number, state: string | null, wait?: string): SessionGroup {
  const [type = null, event = null] = wait?.split(':') ?? []
  return { ours: true, state, wait_event_type: type, wait_event: event, sessions }
}

describe('sessions', () => {
  test('how many did what, over all looks', () => {
    const reading = sessionsOf([
      [group(18, 'active', 'Lock:transactionid'), group(1, 'active'), group(1, 'idle', 'Client:ClientRead')],
      [group(20, 'active', 'Lock:transactionid'), { ...group(5, 'active'), ours: false }],
    ])
    expect(reading).toEqual({
      mean: new Map([
        ['Lock:transactionid', 19],
        ['cpu', 0.5],
        ['idle', 0.5],
      ]),
      peak: 25,
      looks: 2,
    })
  })

  test('one that is being opened has no state yet, one that idles in a transaction keeps its locks', () => {
    const { mean } =
      sessionsOf([[group(3, null), group(2, 'idle in transaction', 'Client:ClientRead')]]) ?? {}
    expect(mean).toEqual(
      new Map([
        ['starting', 3],
        ['idle in transaction', 2],
      ]),
    )
  })

  test('nothing is known of no look', () => {
    expect(sessionsOf([])).toBeNull()
  })
})

describe('blockers', () => {
  const session = (
    pid: number,
    blocked_by: number[],
    change: Partial<LockedSession> = {},
  ): LockedSession => ({
    ...{ pid, blocked_by, state: 'active', wait_event_type: 'Lock', wait_event: 'tuple' },
    query: 'UPDATE counters SET n = n + 1',
    ...change,
  })

  test('a chain of waiting sessions has one head', () => {
    const head = session(1, [], { wait_event_type: 'Timeout', wait_event: 'PgSleep' })
    expect(blockersOf([session(3, [2]), session(2, [1]), session(4, [3, 2]), head])).toEqual(
      new Map([['active (Timeout:PgSleep): UPDATE counters SET n = n + 1', 3]]),
    )
  })

  test('a head that left its transaction open is named so, its statement on one line', () => {
    const head = session(1, [], { state: 'idle in transaction', query: 'UPDATE a\n   SET b = $1' })
    expect(blockersOf([session(2, [1]), head])).toEqual(
      new Map([['idle in transaction: UPDATE a SET b = $1', 1]]),
    )
  })

  test('a circle has no head, and a blocker that is gone is no head either', () => {
    expect(blockersOf([session(1, [2]), session(2, [1])]).size).toBe(0)
    expect(blockersOf([session(1, [9])]).size).toBe(0)
  })
})

describe('statistics', () => {
  const before: Statistics = {
    statements: [
      { id: '1', text: 'INSERT', calls: 100, execution_ms: 10 },
      { id: '2', text: 'SELECT', calls: 5, execution_ms: 900 },
    ],
    walBytes: 1000,
    walIo: { writes: 10, write_ms: 1, flushes: 10, flush_ms: 20 },
    checkpoints: 3,
  }

  test('what grew in the window, the dearest statement first', () => {
    const after: Statistics = {
      statements: [
        { id: '1', text: 'INSERT', calls: 300, execution_ms: 20 },
        { id: '2', text: 'SELECT', calls: 5, execution_ms: 900 },
        { id: '3', text: 'UPDATE', calls: 10, execution_ms: 500 },
      ],
      walBytes: 51_000,
      walIo: { writes: 40, write_ms: 4, flushes: 110, flush_ms: 320 },
      checkpoints: 4,
    }
    expect(statisticsBetween(before, after)).toEqual({
      statements: [
        { text: 'UPDATE', calls: 10, executionUs: 500_000 },
        { text: 'INSERT', calls: 200, executionUs: 10_000 },
      ],
      ...{ walBytes: 50_000, flushes: 100, flushMs: 300, walIoMs: 303, checkpoints: 1 },
    })
  })

  test('what this server does not tell stays unknown', () => {
    const untimed = { ...before, walIo: { writes: 10, write_ms: null, flushes: 10, flush_ms: null } }
    const older = { statements: null, walBytes: 2000, walIo: null, checkpoints: null }
    expect(statisticsBetween(before, untimed)).toMatchObject({ flushes: 0, flushMs: null, walIoMs: null })
    expect(statisticsBetween(before, older)).toEqual({
      ...{ statements: null, walBytes: 1000, flushes: null, flushMs: null, walIoMs: null, checkpoints: null },
    })
  })
})
