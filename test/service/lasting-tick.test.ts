import { createHook } from 'node:async_hooks'
import { setImmediate } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { keepTicksFast } from '../../src/service/lasting-tick.ts'
import { collectGarbage } from '../helpers/memory.ts'

test('the object of one tick outlives every garbage collection, and no other does', async () => {
  const kept = tickMadeBy(keepTicksFast)
  const other = tickMadeBy(() => process.nextTick(() => {}))

  for (let collection = 0; collection < 5; collection += 1) {
    // What a WeakRef has been asked for lives until the end of the turn.
    await setImmediate()
    collectGarbage()
  }

  expect(kept.deref()).toBeDefined()
  expect(other.deref()).toBeUndefined()
})

function tickMadeBy(work: () => void): WeakRef<object> {
  const ticks: WeakRef<object>[] = []
  const hook = createHook({
    init: (_id, type, _trigger, resource) => {
      if (type === 'TickObject') ticks.push(new WeakRef(resource))
    },
  }).enable()
  work()
  hook.disable()
  expect(ticks).toHaveLength(1)
  return ticks[0] as WeakRef<object>
}
