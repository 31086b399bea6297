import { expect, test } from 'vitest'
import { batchesOf, rowsPerBatch } from '../../../src/lab/probes/batch-rows.ts'

const page = (rows: number, batches: number) =>
  [
    '# TYPE insert_batch_rows histogram',
    `insert_batch_rows_bucket{db_collection_name="simple_text",le="+Inf"} ${batches}`,
    `insert_batch_rows_sum{db_collection_name="simple_text"} ${rows}`,
    `insert_batch_rows_count{db_collection_name="simple_text"} ${batches}`,
  ].join('\n')

test('mean rows in a batch between two readings, all workers together', () => {
  const before = batchesOf({ atMs: 0, pages: [page(100, 10), page(0, 0)] })
  const after = batchesOf({ atMs: 1000, pages: [page(400, 30), page(100, 20)] })
  expect(before).toEqual({ rows: 100, batches: 10 })
  expect(rowsPerBatch(before, after)).toBe(10)
  expect(rowsPerBatch(after, after)).toBeNull()
})
