import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'
import { busiestThread, readMainThreads, wanted } from '../../../src/lab/probes/main-thread.ts'
import { parseProcStat } from '../../../src/lab/probes/proc.ts'
import { cpuBetweenUs, readTreeCpuUs } from '../../../src/lab/probes/process-cpu.ts'
import { spawnGuarded } from '../../../src/lab/stack/janitor.ts'

test.runIf(process.platform === 'linux')(
  'agrees with what a process, its ended thread and its ended child say they used',
  async () => {
    const file = fileURLToPath(new URL('burn.ts', import.meta.url))
    const { child, pid, end } = await spawnGuarded(process.execPath, [file], {
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    try {
      if (child.stdout === null) throw new Error('no output to read')
      const [line] = (await once(createInterface({ input: child.stdout }), 'line')) as [string]
      const ownUs = Number(line)
      const readUs = (await readTreeCpuUs(pid)) ?? 0
      expect(ownUs).toBeGreaterThan(900_000)
      // Ticks cut off at most 20 ms for the process and 20 for its ended child; after a process has said what
      // it used it still uses a little to say so and to end.
      expect(readUs).toBeGreaterThan(ownUs - 50_000)
      expect(readUs).toBeLessThan(ownUs + 150_000)
    } finally {
      await end()
    }
  },
)

test('a process that is gone has no reading, and nothing is made of it', async () => {
  const gone = await readTreeCpuUs(2 ** 22 + 1)
  expect(gone).toBeNull()
  expect(cpuBetweenUs(1, gone)).toBeNull()
})

test('a process may be called anything', () => {
  const fields = ['S', 7, 1, 1, 0, -1, 0, 0, 0, 0, 0, 120, 30, 11, 4, 20, 0, 1].join(' ')
  expect(parseProcStat(`42 (postgres: x) S (a) ${fields}`)).toEqual({
    pid: 42,
    parentPid: 7,
    state: 'S',
    groupId: 1,
    ownUs: 1_500_000,
    endedChildrenUs: 150_000,
  })
})

test('the busiest main thread is the one that wanted a core most, whether or not it got one', () => {
  const before = new Map([
    [1, { ranUs: 0, waitedUs: 0 }],
    [2, { ranUs: 1_000_000, waitedUs: 500_000 }],
  ])
  const after = new Map([
    [1, { ranUs: 900_000, waitedUs: 100_000 }],
    [2, { ranUs: 1_800_000, waitedUs: 1_500_000 }],
    [3, { ranUs: 9_000_000, waitedUs: 0 }],
  ])
  expect(busiestThread(before, after, 2)).toEqual({ ran: 0.4, queued: 0.5 })
  expect(busiestThread(new Map(), after, 2)).toBeNull()
  expect(wanted({ ran: 0.7, queued: 0.4 })).toBe(1)
})

test.runIf(process.platform === 'linux')('this very thread wants a core while it works', () => {
  const before = readMainThreads(process.pid)
  const start = performance.now()
  while (performance.now() < start + 100);
  const shares = busiestThread(before, readMainThreads(process.pid), (performance.now() - start) / 1000)
  expect(shares === null ? 0 : wanted(shares)).toBeGreaterThan(0.8)
})
