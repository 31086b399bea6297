import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { spawnGuarded } from '../../../src/lab/stack/janitor.ts'
import { canGiveOwnCore, giveOwnCore, takeTurns } from '../../../src/lab/stack/own-core.ts'
import { startScript } from '../../helpers/processes.ts'

const waiting = 'setInterval(() => {}, 1000)'
const startWaiting = () => startScript(waiting)

async function startGroup(): Promise<AsyncDisposable & { readonly pid: number }> {
  const { pid, end } = await spawnGuarded(process.execPath, ['-e', waiting], { stdio: 'ignore' })
  return { pid, [Symbol.asyncDispose]: end }
}

function isStanding(pid: number): boolean {
  return /^State:\s*T/m.test(readFileSync(`/proc/${pid}/status`, 'utf8'))
}

function coresOf(pid: number): string | undefined {
  return /^Cpus_allowed_list:\s*(\S+)/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]
}

test.runIf(canGiveOwnCore())('a service has a core that nobody else may use, until it is over', () => {
  using service = startWaiting()
  using other = startWaiting()
  const all = coresOf(process.pid)
  {
    using _ = giveOwnCore([service.pid])
    using late = startWaiting()
    const own = coresOf(service.pid)
    expect(own).toMatch(/^\d+$/)
    // It is the first one, so that the others' begin behind it.
    for (const { pid } of [other, late, process]) expect(coresOf(pid)?.split(/[-,]/)[0]).not.toBe(own)
  }
  for (const { pid } of [service, other, process]) expect(coresOf(pid)).toBe(all)
})

test.runIf(process.platform === 'linux')(
  'services in turn stand still in turn, and all run again afterwards',
  async () => {
    await using one = await startGroup()
    await using other = await startGroup()
    const states = () => [one, other].map(({ pid }) => (isStanding(pid) ? 'stands' : 'runs'))
    {
      using _ = takeTurns([one.pid, other.pid])
      for (const turn of [
        ['stands', 'runs'],
        ['runs', 'stands'],
        ['stands', 'runs'],
      ]) {
        await expect.poll(states, { interval: 5 }).toEqual(turn)
      }
    }
    await expect.poll(states).toEqual(['runs', 'runs'])
  },
)
