import { setTimeout as pause } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { readSchedule } from '../../../src/lab/probes/proc.ts'
import { cpuLimitKind, limitCpu } from '../../../src/lab/stack/cpu-limit.ts'
import { startScript } from '../../helpers/processes.ts'

const kinds = (['cgroup quota', 'stopping'] as const).filter(
  kind => kind === 'stopping' || cpuLimitKind() === kind,
)

const startBurning = () => startScript('for (;;);')

async function coresUsed(pid: number, forMs: number): Promise<number> {
  const used = () => (readSchedule(pid, pid)?.ranUs ?? Number.NaN) / 1000
  const [beforeMs, fromMs] = [used(), performance.now()]
  await pause(forMs)
  return (used() - beforeMs) / (performance.now() - fromMs)
}

test.runIf(process.platform === 'linux').each(kinds)(
  'a process is held to a part of a core by %s, and runs on when it is let go',
  async kind => {
    using burning = startBurning()
    {
      using limit = limitCpu(burning.pid, 0.2, kind)
      await pause(300)
      const heldUs = limit.throttledUs() ?? Number.NaN
      // A quota is only ever an upper bound: on a busy machine less may be left for it.
      expect(await coresUsed(burning.pid, 1500)).toBeLessThan(0.3)
      expect(limit.throttledUs()).toBeGreaterThan(heldUs)
    }
    await expect.poll(() => coresUsed(burning.pid, 500)).toBeGreaterThan(0.3)
  },
)

test.runIf(process.platform === 'linux').each(kinds)(
  'letting go of a process that has ended is no error (%s)',
  async kind => {
    const burning = startBurning()
    const limit = limitCpu(burning.pid, 0.5, kind)
    burning[Symbol.dispose]()
    await expect.poll(() => readSchedule(burning.pid, burning.pid)).toBeNull()
    limit[Symbol.dispose]()
  },
)
