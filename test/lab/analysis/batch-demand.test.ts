import { expect, test } from 'vitest'
import {
  ceilingAt,
  demandAt,
  fitBatchDemand,
  ultimateCeiling,
} from '../../../src/lab/analysis/batch-demand.ts'

const pointsOf = (sizes: readonly number[], demand: (size: number) => number) =>
  sizes.map(rowsPerBatch => ({ rowsPerBatch, demandUs: demand(rowsPerBatch) }))

test('finds what a row and what a batch costs', () => {
  const fit = fitBatchDemand(pointsOf([1, 2, 8, 30], n => 15 + 60 / n))
  expect(fit?.perRowUs).toBeCloseTo(15, 9)
  expect(fit?.perBatchUs).toBeCloseTo(60, 9)
})

test('the ceiling rises with the batch, towards one that no batch gets past', () => {
  const demand = { perRowUs: 20, perBatchUs: 80 }
  // Hockney's n½ = b/a: with batches of four, half the ultimate rate.
  expect(demandAt(demand, 4)).toBe(40)
  expect(ceilingAt(demand, 4, 1)).toBe(25_000)
  expect(ultimateCeiling(demand, 1)).toBe(50_000)
  expect(ultimateCeiling(demand, 2)).toBe(100_000)
  expect(ultimateCeiling({ perRowUs: 0, perBatchUs: 80 }, 1)).toBeNull()
})

test('errors count by percentage: a batch of one does not outweigh the others', () => {
  const off = (size: number) => (15 + 600 / size) * (size === 1 ? 1.1 : 1)
  const fit = fitBatchDemand(pointsOf([1, 20, 40, 60, 80], off))
  expect(fit?.perRowUs).toBeGreaterThan(14)
  expect(fit?.perRowUs).toBeLessThan(15.5)
})

test('one size of batch, or two, tells nothing of how a demand is made up', () => {
  expect(fitBatchDemand(pointsOf([1, 8], n => 1 / n))).toBeNull()
  expect(fitBatchDemand(pointsOf([30, 31, 32, 33], () => 17))).toBeNull()
  expect(fitBatchDemand(pointsOf([0, 2, 4], () => 17))).toBeNull()
})

test('a demand that grows with the batch has no cost of its own to share', () => {
  expect(fitBatchDemand(pointsOf([1, 2, 4, 8], n => 10 + n))?.perBatchUs).toBe(0)
})
