import { expect, test } from 'vitest'
import { ledgerBetween, ledgerOf } from '../../../src/lab/probes/cpu-ledger.ts'

const page = (
  requests: number,
  seconds: number,
  http: number,
) => `# TYPE http_server_request_cpu_seconds histogram
http_server_request_cpu_seconds_bucket{http_route="/ping/",le="+Inf"} 5
http_server_request_cpu_seconds_sum{http_route="/ping/"} 1
http_server_request_cpu_seconds_count{http_route="/ping/"} 5
http_server_request_cpu_seconds_sum{http_route="/test-insert"} ${seconds}
http_server_request_cpu_seconds_count{http_route="/test-insert"} ${requests}
process_cpu_unattributed_seconds_total{bucket="http",worker="1"} ${http}
process_cpu_unattributed_seconds_total{worker="1",bucket="helper_threads"} 0.25
`
const reading = (...pages: string[]) => ledgerOf({ atMs: 0, pages })

test('what a window’s requests were charged, and each bucket’s part of one request', () => {
  const window = ledgerBetween(reading(page(100, 2, 0.5)), reading(page(300, 2.01, 0.504)))
  expect(window?.requestUs).toBeCloseTo(50)
  expect(window?.bucketsUs.get('http')).toBeCloseTo(20)
  expect(window?.bucketsUs.get('helper_threads')).toBe(0)
})

test('workers are added up; a page without a ledger, a supervisor’s, adds nothing', () => {
  const before = reading('', page(100, 2, 0.5), page(0, 0, 0))
  const after = reading('', page(200, 2.004, 0.501), page(100, 0.006, 0.003))
  const window = ledgerBetween(before, after)
  expect(window?.requestUs).toBeCloseTo(50)
  expect(window?.bucketsUs.get('http')).toBeCloseTo(20)
})

test('unknown where there is no ledger, or no request was finished', () => {
  expect(reading('', 'process_cpu_seconds_total 1')).toBeNull()
  expect(ledgerBetween(null, reading(page(1, 1, 1)))).toBeNull()
  expect(ledgerBetween(reading(page(1, 1, 1)), reading(page(1, 1, 2)))).toBeNull()
})

test('each method and route, all answers of all workers together', () => {
  const line = (of: string, method: string, route: string, status: number, value: number) =>
    `http_server_request_cpu_seconds_${of}{http_request_method="${method}",http_route="${route}",http_response_status_code="${status}"} ${value}\n`
  const served = (method: string, route: string, status: number, count: number, seconds: number) =>
    line('sum', method, route, status, seconds) + line('count', method, route, status, count)
  const bucket = 'process_cpu_unattributed_seconds_total{bucket="http"} 1\n'
  const before = reading(
    bucket + served('GET', '/items/{id}', 200, 10, 1) + served('GET', '/idle', 200, 5, 1),
    bucket + served('GET', '/items/{id}', 200, 20, 2),
  )
  const after = reading(
    bucket + served('GET', '/items/{id}', 200, 30, 1.002) + served('GET', '/idle', 200, 5, 1),
    bucket + served('GET', '/items/{id}', 200, 40, 2.004) + served('POST', '', 404, 10, 0.001),
  )
  const routes = ledgerBetween(before, after)?.routes ?? new Map()
  expect([...routes.keys()]).toEqual(['GET /items/{id}', 'POST'])
  expect(routes.get('GET /items/{id}')).toEqual({ requests: 40, cpuUs: expect.closeTo(150) })
  expect(routes.get('POST')).toEqual({ requests: 10, cpuUs: expect.closeTo(100) })
})
