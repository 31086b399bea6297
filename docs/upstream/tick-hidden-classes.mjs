/**
 * Shows that `process.nextTick` becomes several times slower for the rest of the process after garbage collections
 * that come while no tick is waiting.
 *
 *   node --expose-gc docs/upstream/tick-hidden-classes.mjs
 *   node --expose-gc docs/upstream/tick-hidden-classes.mjs keep    (the same with one tick object kept alive)
 *
 * The text of the report is in tick-hidden-classes.md.
 */
import { createHook } from 'node:async_hooks'
import { setImmediate } from 'node:timers/promises'

const rounds = 8
const ticks = 300_000
const collectionsBetween = 5

const kept = process.argv[2] === 'keep' ? tickObject() : null
const figures = []
for (let round = 0; round < rounds; round++) {
  figures.push(Math.round(await cpuOfTicksNs()))
  for (let i = 0; i < collectionsBetween; i++) {
    await setImmediate()
    globalThis.gc()
  }
}
console.log(`node ${process.version}, ${kept === null ? 'as it is' : 'one tick object kept'}`)
console.log(`CPU ns a tick, with ${collectionsBetween} collections between the rounds: ${figures.join(' ')}`)

/** One tick after the other. CPU time, so that other programs on the machine do not matter. */
function cpuOfTicksNs() {
  return new Promise(resolve => {
    let left = ticks
    const startUs = cpuUs()
    const next = () => {
      left -= 1
      if (left > 0) process.nextTick(next)
      else resolve(((cpuUs() - startUs) * 1000) / ticks)
    }
    process.nextTick(next)
  })
}

function cpuUs() {
  const { user, system } = process.threadCpuUsage()
  return user + system
}

function tickObject() {
  let found = null
  const hook = createHook({
    init: (_id, type, _trigger, resource) => {
      if (type === 'TickObject') found = resource
    },
  }).enable()
  process.nextTick(() => {})
  hook.disable()
  return found
}
