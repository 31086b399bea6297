import { describe, expect, test } from 'vitest'
import { serviceBetween, serviceTotalsOf } from '../../../src/lab/probes/service-state.ts'

/** A page as the service prints it, with what a test wants to change. */
function page(at: {
  requests: number
  requestS: number
  waitS: number
  useS: number
  statements: number
  statementS: number
  used: number
  queue: number
  rows: number
  rejected: number
  gcS: number
}): string {
  return `# TYPE http_server_request_duration_seconds histogram
http_server_request_duration_seconds_bucket{http_route="/test-insert",le="0.005"} 7 # {trace_id="1"} 0.004 1
http_server_request_duration_seconds_sum{http_route="/test-insert",http_response_status_code="200"} ${at.requestS}
http_server_request_duration_seconds_count{http_route="/test-insert",http_response_status_code="200"} ${at.requests}
http_server_request_duration_seconds_sum{http_route="/readyz",http_response_status_code="200"} 1
http_server_request_duration_seconds_count{http_route="/readyz",http_response_status_code="200"} 3
db_client_connection_wait_time_seconds_sum ${at.waitS}
db_client_connection_wait_time_seconds_count ${at.requests}
db_client_connection_use_time_seconds_sum ${at.useS}
db_client_connection_use_time_seconds_count ${at.requests}
db_client_operation_duration_seconds_sum{db_operation_name="INSERT",error_type=""} ${at.statementS}
db_client_operation_duration_seconds_count{db_operation_name="INSERT",error_type=""} ${at.statements}
db_client_connection_count{db_client_connection_state="idle"} 1
db_client_connection_count{db_client_connection_state="used"} ${at.used}
db_client_connection_max 20
db_client_connection_timeouts_total 0
insert_queue_depth ${at.queue}
insert_rows_total{insert_strategy="batched"} ${at.rows}
requests_rejected_total{reason="connection_queue"} ${at.rejected}
v8js_gc_duration_seconds_sum{v8js_gc_type="minor"} ${at.gcS}
v8js_gc_duration_seconds_count{v8js_gc_type="minor"} ${at.gcS * 500}
v8js_gc_duration_seconds_sum{v8js_gc_type="major"} 1
v8js_memory_heap_used_bytes{v8js_heap_space_name="new_space"} 10000000
v8js_memory_heap_used_bytes{v8js_heap_space_name="old_space"} 40000000
v8_heap_size_limit_bytes 200000000
process_resident_memory_bytes 104857600
`
}

const start = {
  ...{ requests: 100, requestS: 10, waitS: 1, useS: 5, statements: 100, statementS: 5 },
  ...{ used: 20, queue: 0, rows: 0, rejected: 2, gcS: 0.5 },
}
const totals = (atMs: number, ...pages: string[]) => serviceTotalsOf({ atMs, pages })

describe('between two readings', () => {
  test('where requests were, by the time they spent there', () => {
    const end = {
      ...start,
      requests: 1100,
      requestS: 90,
      waitS: 41,
      useS: 45,
      statements: 1100,
      statementS: 43,
    }
    const window = serviceBetween(
      totals(0, page(start)),
      totals(2000, page({ ...end, rejected: 12, gcS: 0.7 })),
    )
    expect(window?.whereabouts).toEqual({ service: 40, poolQueue: 20, database: 19, batchQueue: 0 })
    expect(window?.pool).toEqual({ max: 20, used: 20, waitMs: 40, useMs: 40, timeouts: 0 })
    expect(window?.requests).toBe(1000)
    expect(window?.refusals).toEqual(new Map([['connection_queue', 10]]))
    expect(window?.gcShare).toBeCloseTo(0.1)
    // 0.2 s in 100 stops.
    expect(window?.gcPauseMs).toBeCloseTo(2)
    expect(window).toMatchObject({ residentMiB: 100, heapShare: 0.25 })
  })

  test('a statement that carries a batch holds every request in it', () => {
    const end = { ...start, requests: 1100, requestS: 130, statements: 150, statementS: 6.9 }
    const window = serviceBetween(
      totals(0, page({ ...start, queue: 30 })),
      totals(2000, page({ ...end, queue: 34 })),
    )
    expect(window?.whereabouts.database).toBeCloseTo(0.95 * 20)
    expect(window?.whereabouts.batchQueue).toBe(32)
  })

  test('a queue of rows is one of the requests that brought them', () => {
    const window = serviceBetween(
      totals(0, page({ ...start, queue: 300 })),
      totals(2000, page({ ...start, requests: 1100, rows: 10_000, queue: 340 })),
    )
    expect(window?.whereabouts.batchQueue).toBe(32)
  })

  test('a connection that is kept all the time counts as used although no use ends', () => {
    const window = serviceBetween(
      totals(0, page({ ...start, used: 1 })),
      totals(2000, page({ ...start, requests: 200, used: 3 })),
    )
    expect(window?.pool?.used).toBe(1)
  })

  test('workers add up; of their collectors the busiest counts', () => {
    const end = page({ ...start, requests: 300, requestS: 20 })
    const window = serviceBetween(
      totals(0, page(start), page(start)),
      totals(2000, end, page({ ...start, requests: 200, requestS: 14, gcS: 1.1 })),
    )
    expect(window).toMatchObject({ requests: 300, whereabouts: { service: 7 }, pool: { max: 40 } })
    expect(window?.gcShare).toBeCloseTo(0.3)
  })
})

test('a service without these metrics: nothing is known, and nothing is made of it', () => {
  expect(totals(0, 'up 1\n')).toBeNull()
  expect(serviceBetween(null, totals(1000, page(start)))).toBeNull()
  const plain = (count: number) =>
    `http_server_request_duration_seconds_sum ${count / 10}\nhttp_server_request_duration_seconds_count ${count}\n`
  expect(serviceBetween(totals(0, plain(0)), totals(1000, plain(10)))).toMatchObject({
    whereabouts: { service: 1, poolQueue: null, database: null, batchQueue: null },
    ...{ pool: null, gcShare: null, gcPauseMs: null, heapShare: null, residentMiB: null },
  })
})

const batchPage = (rows: number, batches: number) =>
  [
    '# TYPE insert_batch_rows histogram',
    `insert_batch_rows_bucket{db_collection_name="simple_text",le="+Inf"} ${batches}`,
    `insert_batch_rows_sum{db_collection_name="simple_text"} ${rows}`,
    `insert_batch_rows_count{db_collection_name="simple_text"} ${batches}`,
  ].join('\n')

test('mean rows in a batch between two readings, all workers together', () => {
  const at = (atMs: number, ...batches: string[]) => totals(atMs, page(start), ...batches)
  const before = at(0, batchPage(100, 10), batchPage(0, 0))
  const after = at(1000, batchPage(400, 30), batchPage(100, 20))
  expect(before?.batches).toEqual({ sum: 100, count: 10 })
  expect(serviceBetween(before, after)?.rowsPerBatch).toBe(10)
  expect(serviceBetween(after, at(2000, batchPage(400, 30), batchPage(100, 20)))?.rowsPerBatch).toBeNull()
})
