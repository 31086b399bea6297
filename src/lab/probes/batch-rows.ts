import { type MetricsReading, valuesOf } from './service-metrics.ts'

/** Insert statements that carried batches since the service began, all workers together, and their rows. */
export interface BatchTotals {
  readonly batches: number
  readonly rows: number
}

/** Reads the histogram `insert_batch_rows`. */
export function batchesOf({ pages }: MetricsReading): BatchTotals {
  const total = (metric: string) =>
    pages.flatMap(page => valuesOf(page, metric)).reduce((sum, value) => sum + value, 0)
  return { batches: total('insert_batch_rows_count'), rows: total('insert_batch_rows_sum') }
}

/** Mean rows in a batch between two readings; null where there was none. */
export function rowsPerBatch(before: BatchTotals, after: BatchTotals): number | null {
  const batches = after.batches - before.batches
  return batches > 0 ? (after.rows - before.rows) / batches : null
}
