import { setTimeout as pause } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { watchStalls } from '../../../src/lab/load/stalls.ts'

const blockedMs = 200

test('counts the time in which the process was due and used no CPU', async () => {
  const lostMs = watchStalls()
  await pause(50)
  const before = { lostMs: lostMs(), atMs: performance.now() }
  // As a process that is stopped: it neither runs nor wants to.
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, blockedMs)
  await pause(50)
  const lost = lostMs() - before.lostMs
  expect(lost).toBeGreaterThan(blockedMs * 0.8)
  expect(lost).toBeLessThan(performance.now() - before.atMs)
})
