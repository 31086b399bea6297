import { expect, it } from 'vitest'
import { prose } from '../../../src/lab/report/prose.ts'

it.each([
  ['at 30.2 us a request', 'at 30.2\u00a0µs a request'],
  ['busy 100 % of the time', 'busy 100\u00a0% of the time'],
  ['"ping, 64 connections": 34,000 requests/s', '“ping, 64 connections”: 34,000\u00a0requests/s'],
  ['2,350 us (2,230–2,410), 33 times', '2,350\u00a0µs (2,230–2,410), 33 times'],
  ['give us 2 cores, not 2 scores', 'give us 2\u00a0cores, not 2 scores'],
])('%s', (plain, set) => {
  expect(prose(plain)).toBe(set)
})
