import { setTimeout as pause } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import autocannon from 'autocannon'
import type { RequestTemplate } from '../../src/lab/load/templates.ts'
import { undiciGenerator } from '../../src/lab/load/undici.ts'
import { spawnGuarded } from '../../src/lab/stack/janitor.ts'
import { metricNames } from '../../src/telemetry/metric-names.ts'
import { type Family, scrape, sumOf } from '../telemetry/openmetrics.ts'
import type { App } from './start-app.ts'

/** What the ledger says of one window under load: the difference of two scrapes. */
export interface CpuWindow {
  /** Mean CPU of one request by route (or by another label), us. */
  readonly meanUs: Readonly<Record<string, number>>
  readonly counts: Readonly<Record<string, number>>
  readonly requests: number
  readonly requestsPerS: number
  /** CPU of the process over requests, us, without what is known to be no request's: helper threads, scrapes. */
  readonly processUs: number
  /** (histogram sums + buckets) / process CPU; 1 is all of it. */
  readonly accounted: number
  /** Slices before they are scaled / process CPU: what the ledger saw by itself. */
  readonly unscaled: number
  /** CPU by bucket as a share of the process's. */
  readonly buckets: Readonly<Record<string, number>>
}

/** Sends load from another process and calls `onWindow` twice; the second time it still sends. */
export type Load = (url: string, onWindow: () => Promise<void>) => Promise<void>

/** Opens and closes a window during the load. `label` tells requests apart. */
export async function measureCpu(
  service: { url: string; adminUrl: string },
  load: Load,
  label = 'http_route',
): Promise<CpuWindow> {
  const readings: Reading[] = []
  await load(service.url, async () => {
    readings.push(await readCpu(service.adminUrl))
  })
  const [before, after] = readings
  if (before === undefined || after === undefined) throw new Error('the load did not open and close a window')
  return cpuBetween(before, after, label)
}

export interface Reading {
  readonly page: Map<string, Family>
  readonly atMs: number
}

export async function readCpu(adminUrl: string): Promise<Reading> {
  return { page: await scrape(adminUrl), atMs: performance.now() }
}

export function cpuBetween(before: Reading, after: Reading, label: string): CpuWindow {
  const grown = (name: string, labels = {}) =>
    sumOf(after.page, name, labels) - sumOf(before.page, name, labels)

  const { requestCpu, processCpu, unattributedCpu, unscaledCpu } = metricNames
  const byLabel = (suffix: string) => {
    const values = valuesOf(after.page, requestCpu, label)
    return Object.fromEntries(values.map(value => [value, grown(requestCpu + suffix, { [label]: value })]))
  }
  const [counts, sumsS] = [byLabel('_count'), byLabel('_sum')]
  const requests = grown(`${requestCpu}_count`)
  const processS = grown(processCpu)
  const bucketNames = valuesOf(after.page, unattributedCpu.replace(/_total$/, ''), 'bucket')
  const bucketsS = Object.fromEntries(bucketNames.map(bucket => [bucket, grown(unattributedCpu, { bucket })]))
  const { helper_threads: helpersS = 0, telemetry: telemetryS = 0 } = bucketsS
  return {
    meanUs: Object.fromEntries(
      Object.entries(counts).map(([route, count]) => [route, (1e6 * (sumsS[route] ?? 0)) / count]),
    ),
    counts,
    requests,
    requestsPerS: (requests * 1000) / (after.atMs - before.atMs),
    processUs: (1e6 * (processS - helpersS - telemetryS)) / requests,
    accounted: (grown(`${requestCpu}_sum`) + grown(unattributedCpu)) / processS,
    unscaled: grown(unscaledCpu) / processS,
    buckets: Object.fromEntries(
      Object.entries(bucketsS).map(([name, seconds]) => [name, seconds / processS]),
    ),
  }
}

export interface ClockedWindow extends CpuWindow {
  /** What the CPU clock says a request of each route took, us, as far as `burning-app.ts` reads it. */
  readonly clockUs: Readonly<Record<string, number>>
}

/** The same on the burning service, with what its own clock says meanwhile. */
export async function measureClocked(
  service: Pick<App, 'url' | 'adminUrl'>,
  load: Load,
): Promise<ClockedWindow> {
  const readClock = async () => {
    const response = await fetch(`${service.url}/clock`)
    return (await response.json()) as Record<string, { count: number; us: number }>
  }
  await readClock()
  const window = await measureCpu(service, load)
  const clock = Object.entries(await readClock())
  return {
    ...window,
    clockUs: Object.fromEntries(clock.map(([route, { count, us }]) => [route, us / count])),
  }
}

/**
 * The same load in a window that opens before it and closes when its last request has ended. A request enters the
 * histogram when it ends, so a window cut out of a running load has at both edges the CPU of those on their way:
 * 256 of them on a slow machine are a tenth of two seconds' requests.
 */
export function idleAtBothEnds(adminUrl: string, load: Load): Load {
  return async (url, onWindow) => {
    await onWindow()
    await load(url, async () => {})
    await untilQuiet(adminUrl)
    await onWindow()
  }
}

const quietMs = 200

/** Resolves when no request has ended for a while. */
export async function untilQuiet(adminUrl: string): Promise<void> {
  const ended = async () => sumOf(await scrape(adminUrl), `${metricNames.requestCpu}_count`)
  let before: number
  let after = await ended()
  do {
    before = after
    await pause(quietMs)
    after = await ended()
  } while (after > before)
}

function valuesOf(page: Map<string, Family>, family: string, label: string): string[] {
  return [...new Set(page.get(family)?.samples.map(({ labels }) => labels[label] ?? ''))]
}

const warmupS = 0.3

/** `connections` clients that send the next request as soon as they have the answer. */
export function closedLoop(
  requests: readonly RequestTemplate[],
  connections: number,
  durationS: number,
): Load {
  return async (baseUrl, onWindow) => {
    const edges: Promise<void>[] = []
    await undiciGenerator.run(
      { baseUrl, requests, shape: { mode: 'closed', connections }, warmupS, durationS },
      { signal: new AbortController().signal, onLive() {}, onWindow: () => edges.push(onWindow()) },
    )
    await Promise.all(edges)
  }
}

/** So many requests, however long they take; `paths` in turn on each connection. */
export function countedLoad(paths: readonly string[], connections: number, amount: number): Load {
  return async (baseUrl, onWindow) => {
    await onWindow()
    const requests = paths.map(path => ({ path }))
    const { errors, timeouts, non2xx } = await autocannon({
      url: baseUrl,
      connections,
      amount,
      requests,
      timeout: 60,
    })
    if (errors + timeouts + non2xx > 0)
      throw new Error(`${errors} errors, ${timeouts} timeouts, ${non2xx} bad answers`)
    await onWindow()
  }
}

/** `clients` that think for `thinkMs` on average before each request. */
export function thinkingClients(
  paths: readonly string[],
  { clients, thinkMs, durationS }: { clients: number; thinkMs: number; durationS: number },
): Load {
  return async (baseUrl, onWindow) => {
    const { hostname: host, port } = new URL(baseUrl)
    const plan = JSON.stringify({ host, port: Number(port), paths, clients, thinkMs })
    const { end } = await spawnGuarded(process.execPath, [thinkingClientsScript, plan], {
      stdio: ['ignore', 'inherit', 'inherit'],
    })
    await pause(warmupS * 1000 + processStartMs)
    await onWindow()
    await pause(durationS * 1000)
    await onWindow()
    await end()
  }
}

const processStartMs = 200
const thinkingClientsScript = fileURLToPath(new URL('../fixtures/thinking-clients.ts', import.meta.url))
