import { setTimeout as pause } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { readSchedule } from '../../../src/lab/probes/proc.ts'
import { limitCpu } from '../../../src/lab/stack/cpu-limit.ts'
import { startScript } from '../../helpers/processes.ts'

const startBurning = () => startScript('for (;;);')

async function coresUsed(pid: number, forMs: number): Promise<number> {
  const used = () => (readSchedule(pid, pid)?.ranUs ?? Number.NaN) / 1000
  const [beforeMs, fromMs] = [used(), performance.now()]
  await pause(forMs)
  return (used() - beforeMs) / (performance.now() - fromMs)
}

test.runIf(process.platform === 'linux')(
  'a process is held to a part of a core, and runs on when it is let go',
  async () => {
    using burning = startBurning()
    {
      using limit = limitCpu(burning.pid, 0.2)
      await pause(300)
      const heldUs = limit.throttledUs()
      // A limit is only ever an upper bound: on a busy machine less may be left for it.
      expect(await coresUsed(burning.pid, 1500)).toBeLessThan(0.3)
      expect(limit.throttledUs()).toBeGreaterThan(heldUs)
    }
    await expect.poll(() => coresUsed(burning.pid, 500)).toBeGreaterThan(0.3)
  },
)

test.runIf(process.platform === 'linux')('letting go of a process that has ended is no error', async () => {
  const burning = startBurning()
  const limit = limitCpu(burning.pid, 0.5)
  burning[Symbol.dispose]()
  await expect.poll(() => readSchedule(burning.pid, burning.pid)).toBeNull()
  limit[Symbol.dispose]()
})
