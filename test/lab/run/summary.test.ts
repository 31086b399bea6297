import { expect, test } from 'vitest'
import { findingsOf } from '../../../src/lab/run/summary.ts'
import { figure } from '../analysis/samples.ts'

const finding = {
  compared: 'one → two',
  reported: '200 → 900 requests/s',
  ours: '1,000 → 5,000 requests/s',
  because: 'what shows it',
}

test('the findings stand in the order of the reports, each with both ratios and what became of it', () => {
  const lines = findingsOf([
    { ...finding, finding: 'C1', ratio: { reported: null, ours: null }, reproduced: false },
    { ...finding, finding: 'B2', ratio: { reported: 4.5, ours: figure(5) }, reproduced: true },
  ]).split('\n')
  expect(lines.slice(1)).toEqual([
    'B2  one → two: reproduced',
    '    report  200 → 900 requests/s',
    '    here    1,000 → 5,000 requests/s',
    '    ratio   4.5 times there, 5 (4.75–5.25) times here',
    'C1  one → two: not reproduced, because what shows it',
    '    report  200 → 900 requests/s',
    '    here    1,000 → 5,000 requests/s',
  ])
})
