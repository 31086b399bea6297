import { check } from 'k6'
import http, { type RefinedParams, type RefinedResponse, type ResponseType } from 'k6/http'
import { Counter } from 'k6/metrics'
import { baseUrl } from './env.ts'

/**
 * The service's routes as a client sees them. Every request carries a `name` tag with the route's pattern: without
 * it each id would be a time series of its own, in k6 as in Prometheus.
 */
type Answer = RefinedResponse<ResponseType | undefined>

const json = { 'content-type': 'application/json' }

function params(name: string, extra: RefinedParams<ResponseType> = {}): RefinedParams<ResponseType> {
  return { ...extra, tags: { name } }
}

/** Counts the check `<route> is <status>`, and hands the answer on. */
function expectStatus<A extends Answer>(answer: A, name: string, status: number): A {
  check(answer, { [`${name} is ${status}`]: ({ status: got }) => got === status })
  return answer
}

export function ping(): Answer {
  return expectStatus(http.get(`${baseUrl}/ping/`, params('GET /ping/')), 'GET /ping/', 200)
}

/** As a client without keep-alive, which connects for each request. */
export function pingOnNewConnection(): Answer {
  const name = 'GET /ping/ on a new connection'
  const request = params(name, { headers: { connection: 'close' } })
  return expectStatus(http.get(`${baseUrl}/ping/`, request), name, 200)
}

/** Finding A1 and A2: `rows` inserts in one request; without a strategy the service's own. */
export function testInsert(rows = 1, strategy = ''): Answer {
  const name = 'GET /test-insert'
  const query = strategy === '' ? `rows=${rows}` : `rows=${rows}&strategy=${strategy}`
  return expectStatus(http.get(`${baseUrl}/test-insert?${query}`, params(name)), name, 200)
}

/** Two readings of the same inserts' CPU, as sums beside their number: means over any window can be had from them. */
const cpuReadings = new Counter('insert_cpu_readings')
const cpuByLedger = new Counter('insert_cpu_ledger_seconds')
const cpuByProcess = new Counter('insert_cpu_naive_seconds')

/** An insert that also tells what `process.cpuUsage()` at its start and end would have said of its CPU. */
export function insertReadingCpu(strategy = ''): void {
  const name = 'GET /test-insert'
  const query = strategy === '' ? 'naive=1' : `naive=1&strategy=${strategy}`
  const answer = http.get(`${baseUrl}/test-insert?${query}`, params(name, { responseType: 'text' }))
  expectStatus(answer, name, 200)
  if (answer.status !== 200) return
  const reading = parsed<{ cpu_duration: number | null; cpu_duration_naive: number }>(answer)
  // The service keeps no ledger where its telemetry is off.
  if (reading.cpu_duration === null) return
  cpuReadings.add(1)
  cpuByLedger.add(reading.cpu_duration)
  cpuByProcess.add(reading.cpu_duration_naive)
}

/** Inserts that arrive together, each on a connection of its own. */
export function insertsAtOnce(count: number): void {
  const name = 'GET /test-insert'
  const requests = Array.from({ length: count }, () => ({
    method: 'GET',
    url: `${baseUrl}/test-insert`,
    params: params(name),
  }))
  for (const answer of http.batch(requests)) expectStatus(answer, name, 200)
}

export function postText(value: string): Answer {
  const name = 'POST /texts'
  const body = JSON.stringify({ text: value })
  return expectStatus(http.post(`${baseUrl}/texts`, body, params(name, { headers: json })), name, 201)
}

export interface Task {
  id: number
  title: string
  done: boolean
  createdAt: string
}

/** @param after the `next` of the page before; '' for the first page. */
export function listTasks(limit = 25, after = ''): { items: Task[]; next: string | null } {
  const name = 'GET /tasks/'
  const cursor = after === '' ? '' : `&after=${encodeURIComponent(after)}`
  const answer = http.get(`${baseUrl}/tasks/?limit=${limit}${cursor}`, params(name, { responseType: 'text' }))
  expectStatus(answer, name, 200)
  return answer.status === 200 ? parsed(answer) : { items: [], next: null }
}

/** @returns the new task, or null where the service refused. */
export function createTask(title: string): Task | null {
  const name = 'POST /tasks/'
  const request = params(name, { headers: json, responseType: 'text' })
  const answer = http.post(`${baseUrl}/tasks/`, JSON.stringify({ title }), request)
  expectStatus(answer, name, 201)
  return answer.status === 201 ? parsed(answer) : null
}

export function readTask(id: number): Answer {
  const name = 'GET /tasks/:id'
  return expectStatus(http.get(`${baseUrl}/tasks/${id}`, params(name)), name, 200)
}

export function updateTask(id: number, task: { title: string; done: boolean }): Answer {
  const name = 'PUT /tasks/:id'
  const body = JSON.stringify(task)
  return expectStatus(http.put(`${baseUrl}/tasks/${id}`, body, params(name, { headers: json })), name, 200)
}

export function deleteTask(id: number): Answer {
  const name = 'DELETE /tasks/:id'
  return expectStatus(http.del(`${baseUrl}/tasks/${id}`, null, params(name)), name, 204)
}

/** A GET whose body matters; `status` is what the caller expects. */
export function getText(path: string, name: string, status = 200): string {
  // An error that is asked for must not count as a failed request.
  const request = params(name, {
    responseType: 'text',
    responseCallback: http.expectedStatuses(status),
  })
  return String(expectStatus(http.get(`${baseUrl}${path}`, request), name, status).body)
}

function parsed<T>(answer: Answer): T {
  return answer.json() as T
}
