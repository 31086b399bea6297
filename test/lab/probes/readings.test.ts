import { once } from 'node:events'
import { createServer } from 'node:http'
import { expect, test } from 'vitest'
import { parseCpuMax } from '../../../src/lab/probes/cgroup.ts'
import { busyCores, parseHostCpu, stolenShare } from '../../../src/lab/probes/host-cpu.ts'
import { sampleReportedCpu } from '../../../src/lab/probes/reported-cpu.ts'
import { eventLoopUtilisation, parsePage, sumOf } from '../../../src/lab/probes/service-metrics.ts'
import { listening } from '../../helpers/listening.ts'

test('host: busy cores and stolen share between two readings, guest time counted once', () => {
  const before = parseHostCpu('cpu  1000 0 500 8000 100 0 0 0 400 0\ncpu0 1 2\n')
  const after = parseHostCpu('cpu  1090 10 540 8030 110 10 10 20 480 0\ncpu0 1 2\n')
  // 160 of 220 ticks busy, 20 stolen.
  expect(busyCores(before, after, 2)).toBeCloseTo((160 / 220) * 2)
  expect(stolenShare(before, after)).toBeCloseTo(20 / 220)
  expect(busyCores(before, before, 2)).toBeNull()
  expect(busyCores(null, after, 2)).toBeNull()
  expect(parseHostCpu('intr 1 2 3')).toBeNull()
})

test('cgroup: quota over period, none where it is unlimited', () => {
  expect(parseCpuMax('150000 100000\n')).toBe(1.5)
  expect(parseCpuMax('max 100000\n')).toBeNull()
  expect(parseCpuMax('-1 100000')).toBeNull()
  expect(parseCpuMax(null)).toBeNull()
})

const page = `# TYPE nodejs_eventloop_time_seconds counter
nodejs_eventloop_time_seconds_total{nodejs_eventloop_state="active"} 12.5 # {trace_id="1}"} 1 2
nodejs_eventloop_time_seconds_total{nodejs_eventloop_state="idle"} 1e1
nodejs_eventloop_time_seconds_total_of_another 7
plain 3
`

test('metrics page: values of one metric and no other', () => {
  const metric = 'nodejs_eventloop_time_seconds_total'
  const series = parsePage(page)
  expect(series.filter(one => one.metric === metric).map(({ value }) => value)).toEqual([12.5, 10])
  expect(sumOf(series, metric)).toBe(22.5)
  expect(sumOf(series, metric, { nodejs_eventloop_state: 'idle' })).toBe(10)
  expect(sumOf(series, 'plain')).toBe(3)
  expect(sumOf(series, 'absent')).toBeNull()
})

const loopPage = (activeS: number, idleS: number) => `
nodejs_eventloop_time_seconds_total{nodejs_eventloop_state="active"} ${activeS}
nodejs_eventloop_time_seconds_total{nodejs_eventloop_state="idle"} ${idleS}
`

test('event loop: the busiest worker between two readings', () => {
  const before = { atMs: 0, pages: [loopPage(1, 9), 'a supervisor 1', loopPage(5, 5)] }
  const after = { atMs: 4000, pages: [loopPage(2, 12), 'a supervisor 1', loopPage(8.6, 5.4)] }
  expect(eventLoopUtilisation(before, after)).toBeCloseTo(0.9)
})

test('event loop: unknown where the service refreshes its counters too seldom, or has none', () => {
  const before = { atMs: 0, pages: [loopPage(1, 9)] }
  expect(eventLoopUtilisation(before, { ...before, atMs: 4000 })).toBeNull()
  expect(eventLoopUtilisation({ atMs: 0, pages: [] }, { atMs: 4000, pages: [] })).toBeNull()
})

test('reported CPU: the median of what the answers say, in microseconds', async () => {
  let asked = 0
  const server = createServer((_, response) => {
    asked++
    response.end(JSON.stringify({ cpu_duration: 0.00005, cpu_duration_naive: 0.003 }))
  })
  await using service = await listening(server)
  const stop = sampleReportedCpu(`${service.url}/test-insert?naive=1`)
  while (asked < 5) await once(server, 'request')
  const { naiveUs, answered } = await stop()
  expect(naiveUs).toBeCloseTo(3000)
  expect(answered).toBe(asked)
})

test('reported CPU: unknown where the answers do not say', async () => {
  const server = createServer((_, response) => response.end('{"cpu_duration":null}'))
  await using service = await listening(server)
  const stop = sampleReportedCpu(service.url)
  await once(server, 'request')
  expect(await stop()).toMatchObject({ naiveUs: null, answered: 1 })
})
