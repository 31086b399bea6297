import { expect, test } from 'vitest'
import {
  type ReportedComparison,
  reproduction,
  statement,
} from '../../../src/lab/experiments/reproduction.ts'
import { figure } from '../analysis/samples.ts'

const comparison: ReportedComparison = {
  finding: 'B2',
  compared: 'a connection a request → a pool',
  unit: 'requests/s',
  reported: [200, 900],
  reportedText: '200 → 900 requests/s',
  ours: [figure(1_000), figure(5_000)],
  explanation: 'pages are cheaper here',
}

test('a ratio of the same direction and order of size is reproduced, whatever the absolute figures', () => {
  expect(reproduction(comparison)).toMatchObject({
    finding: 'B2',
    reported: '200 → 900 requests/s',
    ours: '1,000 requests/s (950–1,050) → 5,000 requests/s (4,750–5,250)',
    ratio: { reported: 4.5, ours: { median: 5, repeats: 3 } },
    reproduced: true,
    because: '5 times (4.52–5.53) here is of the same order of size as 4.5 times in the report',
  })
})

test('a falling ratio is compared as a falling one', () => {
  const falling = { ...comparison, reported: [1_600, 90], ours: [figure(1_500), figure(110)] } as const
  expect(reproduction(falling).reproduced).toBe(true)
  expect(reproduction({ ...falling, ours: [figure(110), figure(1_500)] })).toMatchObject({
    reproduced: false,
    because: expect.stringContaining('is the opposite of'),
  })
})

test('what is within the noise, or of another order of size, is not, and says why', () => {
  expect(reproduction({ ...comparison, ours: [figure(1_000), figure(1_020)] })).toMatchObject({
    reproduced: false,
    because: expect.stringMatching(/no difference beyond the noise.*: pages are cheaper here$/),
  })
  expect(reproduction({ ...comparison, ours: [figure(1_000), figure(20_000)] })).toMatchObject({
    reproduced: false,
    because: expect.stringContaining('not of the same order of size'),
  })
})

test('nothing is claimed of what was not measured, or never happened', () => {
  for (const ours of [
    [null, figure(1)],
    [figure(1), undefined],
    [figure(0), figure(1)],
  ] as const) {
    expect(reproduction({ ...comparison, ours })).toMatchObject({
      reproduced: false,
      ours: 'not measured',
      ratio: { reported: 4.5, ours: null },
    })
  }
})

test('a finding that compares no two figures has no ratio to agree with', () => {
  const finding = { finding: 'B3', compared: 'x', reported: 'y', ours: 'z', reproduced: true, because: 'w' }
  expect(statement(finding).ratio).toEqual({ reported: null, ours: null })
  expect(statement({ ...finding, ratio: figure(2) }).ratio).toEqual({ reported: null, ours: figure(2) })
})
