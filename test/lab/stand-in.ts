/**
 * A small service with the contract that the lab relies on, for tests of the lab alone: `/ping/`,
 * `/test-insert` with its usual reading, and on the same port metrics with a ledger, and profiles. It spends
 * a known amount of CPU on each request (`BURN_US`). Started as a process; says its port on its standard
 * output.
 */
import { Session } from 'node:inspector/promises'
import { setTimeout as pause } from 'node:timers/promises'
import Fastify from 'fastify'

const burnUs = Number(process.env['BURN_US'] ?? 0)

let burns = 0

function burn(): void {
  burns++
  const until = performance.now() + burnUs / 1000
  while (performance.now() < until);
}

const app = Fastify()
app.get('/ping/', () => {
  burn()
  return { ping: 'pong' }
})
app.get('/test-insert', () => {
  burn()
  return { id: 1, duration: 0.001, cpu_duration: burnUs / 1e6, cpu_duration_naive: (burnUs * 10) / 1e6 }
})
app.get('/items/:number(^\\d+$)', () => {
  burn()
  return { ok: true }
})
app.get('/metrics', () => {
  const { active, idle } = performance.eventLoopUtilization()
  return [
    '# TYPE nodejs_eventloop_time_seconds counter',
    `nodejs_eventloop_time_seconds_total{nodejs_eventloop_state="active"} ${active / 1000}`,
    `nodejs_eventloop_time_seconds_total{nodejs_eventloop_state="idle"} ${idle / 1000}`,
    `http_server_request_cpu_seconds_sum{http_route="/test-insert"} ${(burns * burnUs) / 1e6}`,
    `http_server_request_cpu_seconds_count{http_route="/test-insert"} ${burns}`,
    `process_cpu_unattributed_seconds_total{bucket="http"} ${(burns * 10) / 1e6}`,
    '# EOF',
  ].join('\n')
})
app.get<{ Querystring: { seconds: string } }>('/debug/cpu-profile', async ({ query }) => {
  const session = new Session()
  session.connect()
  await session.post('Profiler.enable')
  await session.post('Profiler.setSamplingInterval', { interval: 200 })
  await session.post('Profiler.start')
  await pause(Number(query.seconds) * 1000)
  const { profile } = await session.post('Profiler.stop')
  session.disconnect()
  return profile
})
console.log(new URL(await app.listen({ host: '127.0.0.1', port: Number(process.env['PORT'] ?? 0) })).port)
