import { expect, test } from 'vitest'
import { labelOf } from '../../../src/lab/experiments/experiment.ts'
import { tenThousand } from '../../../src/lab/experiments/ten-thousand.ts'
import type { Sample } from '../../../src/lab/results.ts'
import { figure, sample } from '../analysis/samples.ts'

const exactly = (value: number) => ({ median: value, low: value, high: value, repeats: 3 })

/** Walks the search as the lab does, on a machine that holds every rate up to `limitPerS`. */
function searched(limitPerS: number): Sample[] {
  const samples: Sample[] = []
  let step = tenThousand.steps[0] ?? null
  while (step?.load.mode === 'open') {
    const { ratePerS } = step.load
    const holds = ratePerS <= limitPerS
    samples.push(
      sample({
        label: labelOf(step),
        load: { generator: 'k6', mode: 'open', ratePerS, durationS: 6 },
        throughputPerS: exactly(Math.min(ratePerS, limitPerS)),
        latencyMs: { p50: figure(2), p90: figure(4), p99: holds ? figure(9) : figure(900), max: figure(990) },
        errors: { ratio: exactly(0), dropped: exactly(holds ? 0 : 100) },
      }),
    )
    if (samples.length > 50) throw new Error('the search does not end')
    step = tenThousand.search?.next(samples) ?? null
  }
  return samples
}

const ratesOf = (samples: readonly Sample[]) => samples.map(({ load }) => load.ratePerS ?? 0)

test.each([2_300, 7_600, 12_800, 19_900, 34_000])(
  'finds a limit of %i arrivals/s to a tenth or so, within the steps it is given',
  limitPerS => {
    const samples = searched(limitPerS)
    const highest = Math.max(...ratesOf(samples).filter(rate => rate <= limitPerS))
    expect(highest).toBeGreaterThan(limitPerS * 0.75)
    expect(samples.length - 1).toBeLessThanOrEqual(tenThousand.search?.atMost ?? 0)
    const { answer } = tenThousand.conclude(samples)
    expect(answer).toContain(
      `highest rate answered in time is ${highest.toLocaleString('en-US', { maximumSignificantDigits: 3 })}/s`,
    )
  },
)

test('the wanted rate is reproduced only where every repeat held it', () => {
  expect(tenThousand.reproduce?.(searched(12_000))).toMatchObject([{ finding: 'A3', reproduced: true }])
  expect(tenThousand.reproduce?.(searched(9_000))).toMatchObject([
    { finding: 'A3', reproduced: false, because: expect.stringContaining('100 arrivals dropped') },
  ])
})

test('says how many arrivals the load generator did not send, at the lowest rate at which it did not', () => {
  const { answer } = tenThousand.conclude(searched(9_000))
  expect(answer).toMatch(/At 9,\d00\/s k6 did not send 100 arrivals \(100–100\) of 5\d,\d00\.$/)
  expect(tenThousand.conclude([]).answer).not.toContain('did not send')
})

test('a search of nothing measured asks for nothing', () => {
  expect(tenThousand.search?.next([])).toBeNull()
})
