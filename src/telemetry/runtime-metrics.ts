import { readFileSync } from 'node:fs'
import { constants, monitorEventLoopDelay, PerformanceObserver, performance } from 'node:perf_hooks'
import { getHeapSpaceStatistics, getHeapStatistics } from 'node:v8'
import { Counter, Gauge } from 'prom-client'
import { BoundHistogram, counterName, type OpenMetricsRegistry } from './bound-series.ts'
import { gcBucketsS, metricNames } from './metric-names.ts'
import { type Metrics, set } from './metrics.ts'

/** As often as Prometheus scrapes: a shorter window would hide most of what happened between two scrapes. */
const periodMs = 5_000
const delayResolutionMs = 10

/**
 * Event loop, garbage collector, heap and cgroup. A timer reads them and not the scrape, because a share that the
 * scrape reads measures the scrape itself (as prom-client's `nodejs_eventloop_lag_seconds` does).
 * @param droppedSpans total so far, read at each scrape.
 * @returns a function that stops it.
 */
export function startRuntimeMetrics({ registry }: Metrics, droppedSpans: () => Promise<number>): () => void {
  const registers = [registry]
  const utilization = new Gauge({
    name: metricNames.eventLoopUtilization,
    help: `Share of the last ${periodMs / 1000} s in which the event loop was not idle: 1 is a full thread.`,
    registers,
  })
  new Counter({
    name: counterName(metricNames.eventLoopTime),
    help: 'Time the event loop spent active and idle.',
    labelNames: ['nodejs_eventloop_state'],
    registers,
    // Unlike a share, a total is right at any moment at which it is read.
    collect() {
      const { active, idle } = performance.eventLoopUtilization()
      set(this, active / 1000, { nodejs_eventloop_state: 'active' })
      set(this, idle / 1000, { nodejs_eventloop_state: 'idle' })
    },
  })
  const delay = new Gauge({
    name: metricNames.eventLoopDelay,
    help: `How late timers ran in the last ${periodMs / 1000} s.`,
    labelNames: ['quantile'],
    registers,
  })
  const heapUsed = new Gauge({
    name: metricNames.heapUsed,
    help: 'V8 heap in use, by its spaces.',
    labelNames: ['v8js_heap_space_name'],
    registers,
  })
  const heapLimit = new Gauge({
    name: metricNames.heapLimit,
    help: 'What all spaces of the V8 heap together may use.',
    registers,
  })
  const resident = new Gauge({ name: metricNames.residentMemory, help: 'Resident memory.', registers })
  new Counter({
    name: counterName(metricNames.spansDropped),
    help: 'Spans that did not reach the collector: queue full or export failed.',
    registers,
    async collect() {
      set(this, await droppedSpans())
    },
  })
  const cgroup = readThrottling() && {
    time: new Counter({
      name: counterName(metricNames.throttledTime),
      help: 'Time in which the container wanted CPU and its quota was used up, summed over the CPUs.',
      registers,
    }),
    periods: new Counter({
      name: counterName(metricNames.throttledPeriods),
      help: 'Scheduler periods in which the container was throttled.',
      registers,
    }),
  }

  const stopGc = observeGc(registry)
  const delays = monitorEventLoopDelay({ resolution: delayResolutionMs })
  delays.enable()
  let before = performance.eventLoopUtilization()

  const read = () => {
    const now = performance.eventLoopUtilization()
    utilization.set(performance.eventLoopUtilization(now, before).utilization)
    before = now
    for (const quantile of [0.5, 0.9, 0.99, 1]) {
      // The histogram contains the whole interval of the timer. The delay is the part above the resolution.
      const lateS = (delays.percentile(quantile * 100) - delayResolutionMs * 1e6) / 1e9
      delay.set({ quantile: String(quantile) }, Math.max(0, lateS))
    }
    delays.reset()
    for (const { space_name: space, space_used_size: bytes } of getHeapSpaceStatistics()) {
      heapUsed.set({ v8js_heap_space_name: space }, bytes)
    }
    heapLimit.set(getHeapStatistics().heap_size_limit)
    resident.set(process.memoryUsage.rss())
    const throttling = cgroup && readThrottling()
    if (throttling) {
      set(cgroup.time, throttling.seconds)
      set(cgroup.periods, throttling.periods)
    }
  }
  read()
  const timer = setInterval(read, periodMs).unref()
  return () => {
    clearInterval(timer)
    delays.disable()
    stopGc()
  }
}

const gcTypes: Readonly<Record<number, string>> = {
  [constants.NODE_PERFORMANCE_GC_MINOR]: 'minor',
  [constants.NODE_PERFORMANCE_GC_MAJOR]: 'major',
  [constants.NODE_PERFORMANCE_GC_INCREMENTAL]: 'incremental',
  [constants.NODE_PERFORMANCE_GC_WEAKCB]: 'weakcb',
}

function observeGc(registry: OpenMetricsRegistry): () => void {
  const histogram = new BoundHistogram({
    name: metricNames.gcDuration,
    help: 'Garbage collection pauses. The same time is also in the CPU of the requests they interrupted.',
    labelNames: ['v8js_gc_type'],
    buckets: gcBucketsS,
    registry,
  })
  const observer = new PerformanceObserver(list => {
    for (const entry of list.getEntries()) {
      const { kind } = (entry as unknown as { detail: { kind: number } }).detail
      histogram.series(gcTypes[kind] ?? 'other').observe(entry.duration / 1000)
    }
  })
  observer.observe({ entryTypes: ['gc'] })
  return () => observer.disconnect()
}

/** From cgroup v2's cpu.stat; null outside a container with a CPU controller. */
function readThrottling(): { seconds: number; periods: number } | null {
  try {
    const text = readFileSync('/sys/fs/cgroup/cpu.stat', 'utf8')
    const read = (key: string) => Number(new RegExp(`^${key} (\\d+)$`, 'm').exec(text)?.[1] ?? Number.NaN)
    const throttling = { seconds: read('throttled_usec') / 1e6, periods: read('nr_throttled') }
    return Number.isNaN(throttling.periods) ? null : throttling
  } catch {
    return null
  }
}
