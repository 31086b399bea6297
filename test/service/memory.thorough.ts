import { setTimeout as sleep } from 'node:timers/promises'
import { expect, it, onTestFinished } from 'vitest'
import { closed } from '../../src/lab/experiments/experiment.ts'
import { undiciGenerator } from '../../src/lab/load/undici.ts'
import { createDatabase } from '../helpers/database.ts'
import { residentMb } from '../helpers/memory.ts'
import { start } from '../helpers/service.ts'

/** By then code is compiled, connections are open and the old generation has been collected some times. */
const warmupS = 20
const windowS = 12
const sampleEveryMs = 250

/** The short form of ten minutes at full load, which `docs/decisions.md` has the figures of. */
it('a worker under full load is small and does not grow', async () => {
  const database = await createDatabase()
  onTestFinished(() => database.drop())
  const { url, service } = await start(database.url)
  const answered = undiciGenerator.run(
    {
      ...{ baseUrl: url, requests: [{ path: '/test-insert' }], shape: closed(64) },
      ...{ warmupS, durationS: 2 * windowS },
    },
    { signal: AbortSignal.timeout(120_000), onLive: () => {}, onWindow: () => {} },
  )
  const peakMb = async () => {
    let peak = 0
    for (const endMs = performance.now() + windowS * 1000; performance.now() < endMs; ) {
      peak = Math.max(peak, residentMb(service.pid))
      await sleep(sampleEveryMs)
    }
    return peak
  }
  await sleep(warmupS * 1000)
  const firstMb = await peakMb()
  const secondMb = await peakMb()
  const { succeeded, failed } = await answered
  console.log({ firstMb: Math.round(firstMb), secondMb: Math.round(secondMb), succeeded })
  expect(failed).toBe(0)
  // It is some 145; at a first start, which has no compile cache yet, 20 more. By V8’s own defaults it is twice as much.
  expect(secondMb).toBeLessThan(175)
  // A tenth of a kilobyte kept of each request would be more, even where few are answered.
  expect(secondMb - firstMb).toBeLessThan(8)
})
