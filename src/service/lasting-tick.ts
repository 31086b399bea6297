import { createHook } from 'node:async_hooks'

let lastingTick: object | undefined

/**
 * Keeps `process.nextTick` fast, which one request calls nine times.
 *
 * Node builds the object of a tick with computed keys. V8 remembers of such a key which hidden class it was added to,
 * but does not keep that class alive. Once garbage collections have come while no tick was waiting, the classes are
 * gone, and V8 takes the keys for unpredictable from then on: 40 ns a tick became 350, for as long as the process lived.
 * It befell some starts of a service under load and not others, and sooner where more was collected.
 *
 * So the object of one tick is kept for good, and with it the classes; it has to be done before anything is collected.
 * A hook that does not track promises is the one way to it that leaves no trace: `executionAsyncResource` makes every
 * callback slower from its first call on.
 */
export function keepTicksFast(): void {
  if (lastingTick !== undefined) return
  const hook = createHook({
    init: (_id, type, _trigger, resource) => {
      if (type === 'TickObject') lastingTick = resource
    },
    trackPromises: false,
  }).enable()
  process.nextTick(() => {})
  hook.disable()
}
