import { type Profiler, Session } from 'node:inspector/promises'
import { setTimeout as sleep } from 'node:timers/promises'

/** Fine enough to see a 20 us request in a few seconds of load; costs a few per cent while it runs. */
const samplingIntervalUs = 200

let running = false

/**
 * Takes a sampled V8 profile of this process: a second view of where the CPU goes, independent of the ledger.
 * @returns the `.cpuprofile`, or null if another profile is being taken.
 */
export async function takeCpuProfile(seconds: number): Promise<Profiler.Profile | null> {
  if (running) return null
  running = true
  const session = new Session()
  session.connect()
  try {
    await session.post('Profiler.enable')
    await session.post('Profiler.setSamplingInterval', { interval: samplingIntervalUs })
    await session.post('Profiler.start')
    await sleep(seconds * 1000)
    return (await session.post('Profiler.stop')).profile
  } finally {
    session.disconnect()
    running = false
  }
}
