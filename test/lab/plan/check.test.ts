import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { checksOf, type Predicted } from '../../../src/lab/plan/check.ts'
import type { Sample } from '../../../src/lab/results.ts'

/** What `npm run lab -- run capacity` measured on two shared cores: all that the plan reads of each step. */
const { cores, samples } = JSON.parse(
  readFileSync(new URL('../../fixtures/capacity-samples.json', import.meta.url), 'utf8'),
) as { cores: number; samples: Sample[] }

const off = ({ predicted, measured }: Predicted) => Math.abs(predicted / measured.median - 1)
const checks = checksOf(samples, cores)

test('every step of more clients or workers than the model saw is checked', () => {
  expect(checks.map(({ label }) => label)).toEqual([
    '1 worker, 1 row, 32 connections',
    '1 worker, 1 row, 64 connections',
    '1 worker, 10 rows, 64 connections',
    '2 workers, 1 row, 16 connections',
    '2 workers, 1 row, 64 connections',
  ])
})

test('from the light steps of one worker, the throughput of heavy ones and of two workers is told within 20 %', () => {
  for (const { label, throughputPerS } of checks) expect(off(throughputPerS), label).toBeLessThan(0.2)
})

test('of single rows within 10 %, and the p95 of all within 25 %', () => {
  for (const { label, throughputPerS, p95Ms } of checks) {
    if (label.includes('1 row,')) expect(off(throughputPerS), label).toBeLessThan(0.1)
    expect(off(p95Ms), label).toBeLessThan(0.25)
  }
})
