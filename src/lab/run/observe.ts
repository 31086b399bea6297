import { LabError } from '../errors.ts'
import type { LoadGenerator, LoadPlan, LoadResult } from '../load/generator.ts'
import { readThrottledUs } from '../probes/cgroup.ts'
import { type LedgerReading, ledgerBetween, ledgerOf } from '../probes/cpu-ledger.ts'
import { busyCores, type HostReading, readHostCpu } from '../probes/host-cpu.ts'
import {
  busiestThread,
  type MainThreads,
  queuedThreads,
  readMainThreads,
  type ThreadShares,
  wanted,
} from '../probes/main-thread.ts'
import { type PostgresWindow, watchPostgres } from '../probes/postgres/watch.ts'
import { type Pressure, pressureBetween, readPressure } from '../probes/pressure.ts'
import { cpuBetweenUs, readTreeCpuUs } from '../probes/process-cpu.ts'
import { type ReportedCpu, sampleReportedCpu } from '../probes/reported-cpu.ts'
import {
  eventLoopUtilisation,
  type MetricsReading,
  metricsUrls,
  readPages,
} from '../probes/service-metrics.ts'
import { type ServiceWindow, serviceBetween, serviceTotalsOf } from '../probes/service-state.ts'
import type { Target } from './test-bed.ts'

/** Of the service, of PostgreSQL and of the load generator; null: it cannot be read. */
export interface ByProcess {
  readonly api: number | null
  readonly database: number | null
  readonly generator: number | null
}

/** Everything seen in one window: one repeat of one step. */
export interface Observation {
  readonly load: LoadResult
  /** Between the two readings of the probes. */
  readonly windowS: number
  /** CPU used in the window by each process tree, us. */
  readonly cpuUs: ByProcess
  /**
   * Event-loop utilisation of the busiest worker, 0 … 1: its own word where it gives one fresh enough for the
   * window, otherwise the share of the window in which its main thread wanted a core.
   */
  readonly apiThread: number | null
  /** The main thread that wanted a core most, seen from outside. */
  readonly apiThreadShares: ThreadShares | null
  /** PostgreSQL's processes that stood in line for a core, on average. */
  readonly databaseQueued: number | null
  /** Cores busy on the whole host. */
  readonly hostCores: number | null
  readonly reported: ReportedCpu | null
  /** What the service's own ledger counted in the window; null where it keeps none. */
  readonly ledger: LedgerReading | null
  /** What the service's other metrics say; null where it exports none. */
  readonly service: ServiceWindow | null
  readonly postgres: PostgresWindow | null
  readonly pressure: Pressure
  /** Time in which its cgroup's quota kept each process from running, us. */
  readonly throttledUs: ByProcess
  /** Mean rows in a batch of inserts; null where the service counts none. */
  readonly rowsPerBatch: number | null
  /** Requests answered a second in successive equal parts of the window. */
  readonly ratesPerS: readonly number[]
}

export interface ObserveOptions {
  readonly signal: AbortSignal
  readonly cores: number
  /** A path whose answers say what they cost, asked gently while the window is open. */
  readonly reportedCpu?: string | undefined
  onLive(ratePerS: number): void
}

/** Sends the load and reads every probe over exactly the window that the generator counts. */
export async function observe(
  target: Target,
  generator: LoadGenerator,
  plan: LoadPlan,
  { signal, cores, reportedCpu, onLive }: ObserveOptions,
): Promise<Observation> {
  const pages = await pagesOf(target)
  await using postgres = await watchDatabase(target)
  let watched: Promise<PostgresWindow | null> | undefined
  const edges: Promise<Edge>[] = []
  let stopAsking: (() => Promise<ReportedCpu>) | undefined
  let reported: Promise<ReportedCpu> | undefined
  const live = liveRates()
  try {
    const load = await generator.run(plan, {
      signal,
      onLive(ratePerS) {
        live.add(ratePerS)
        onLive(ratePerS)
      },
      onWindow(edge, generatorPid) {
        live.onWindow(edge)
        edges.push(readEdge(target, generatorPid, pages))
        if (edge === 'opens') postgres?.open()
        else watched = postgres?.close()
        if (edge === 'opens' && reportedCpu !== undefined)
          stopAsking = sampleReportedCpu(target.url + reportedCpu)
        if (edge === 'closes') reported = stopAsking?.()
      },
    })
    const [opening, closing] = await Promise.all(edges)
    if (opening === undefined || closing === undefined) {
      throw new LabError(
        'LAB_LOAD_GENERATOR',
        `${generator.name} ended without a window to measure in`,
        'Run again with less other work on this machine, or with --generator undici.',
      )
    }
    const { opened, closed } = ofPagesThatAnsweredTwice(opening, closing)
    const windowS = (closed.atMs - opened.atMs) / 1000
    const apiThreadShares = busiestThread(opened.apiThreads, closed.apiThreads, windowS)
    const service = serviceBetween(serviceTotalsOf(opened.metrics), serviceTotalsOf(closed.metrics))
    return {
      load,
      windowS,
      cpuUs: grown(opened.cpuUs, closed.cpuUs),
      apiThread:
        eventLoopUtilisation(opened.metrics, closed.metrics) ??
        (apiThreadShares === null ? null : wanted(apiThreadShares)),
      apiThreadShares,
      databaseQueued: queuedThreads(opened.databaseThreads, closed.databaseThreads, windowS),
      hostCores: busyCores(opened.host, closed.host, cores),
      reported: (await reported) ?? null,
      ledger: ledgerBetween(ledgerOf(opened.metrics), ledgerOf(closed.metrics)),
      service,
      postgres: (await watched) ?? null,
      pressure: pressureBetween(opened.pressure, closed.pressure, windowS),
      throttledUs: grown(opened.throttledUs, closed.throttledUs),
      rowsPerBatch: service?.rowsPerBatch ?? null,
      ratesPerS: live.ofWindow(),
    }
  } finally {
    await stopAsking?.()
  }
}

/** Every request that the generator sent in the window and that came to an end. */
export function requestsSent({ load }: Observation): number {
  return load.succeeded + load.failed
}

/** Every request that used CPU of the service in the window: those of the load, failed ones too, and of the side probe. */
export function requestsServed(one: Observation): number {
  return requestsSent(one) + (one.reported?.answered ?? 0)
}

/** An amount for each; null where it is unknown, or there is none to divide it by. */
export function per(amount: number | null, count: number): number | null {
  return amount === null || count === 0 ? null : amount / count
}

/** CPU of the service for each request that used it, us. */
export function apiUsOf(one: Observation): number | null {
  return per(one.cpuUs.api, requestsServed(one))
}

/** Where the metrics of the service are, if it has any. */
async function pagesOf({ adminUrl, ledgerUrls }: Target): Promise<readonly string[]> {
  if (adminUrl !== null) return metricsUrls(adminUrl)
  return ledgerUrls === undefined ? [] : ledgerUrls()
}

/** Over its own connection, opened before the load begins. */
function watchDatabase({ databaseUrl, databasePid }: Target) {
  return databaseUrl === null ? null : watchPostgres(databaseUrl, databasePid !== null)
}

/** Keeps the live rates whose whole period is in the window. The first one began before the window, so it is dropped. */
function liveRates() {
  let open = false
  const rates: number[] = []
  return {
    add: (ratePerS: number) => open && rates.push(ratePerS),
    onWindow(edge: 'opens' | 'closes') {
      open = edge === 'opens'
    },
    ofWindow: () => rates.slice(1),
  }
}

interface Edge {
  readonly atMs: number
  readonly host: HostReading | null
  /** Of each process tree since it began. */
  readonly cpuUs: ByProcess
  readonly throttledUs: ByProcess
  readonly apiThreads: MainThreads
  readonly databaseThreads: MainThreads
  readonly pressure: Pressure
  readonly metrics: MetricsReading
}

function grown(before: ByProcess, after: ByProcess): ByProcess {
  return {
    api: cpuBetweenUs(before.api, after.api),
    database: cpuBetweenUs(before.database, after.database),
    generator: cpuBetweenUs(before.generator, after.generator),
  }
}

/** Leaves out a worker whose page is missing at one edge: its totals since its start would count as growth. */
function ofPagesThatAnsweredTwice(opening: Edge, closing: Edge): { opened: Edge; closed: Edge } {
  const [before, after] = [opening.metrics.pages, closing.metrics.pages]
  const kept = (pages: readonly string[]) => pages.map((page, i) => (before[i] && after[i] ? page : ''))
  return {
    opened: { ...opening, metrics: { ...opening.metrics, pages: kept(before) } },
    closed: { ...closing, metrics: { ...closing.metrics, pages: kept(after) } },
  }
}

/** The sum, or null if there is no value or one of them is unknown. */
function sumOrNull(values: readonly (number | null)[]): number | null {
  const known = values.filter(value => value !== null)
  return known.length === 0 || known.length < values.length
    ? null
    : known.reduce((sum, value) => sum + value, 0)
}

/** Files are read before the first `await`, so their values belong to the instant of the call. */
async function readEdge(target: Target, generatorPid: number, pages: readonly string[]): Promise<Edge> {
  const { apiPids, databasePid } = target
  const [apiPid = null] = apiPids
  const atMs = performance.now()
  const host = readHostCpu()
  const threadsOf = (pid: number | null): MainThreads => (pid === null ? new Map() : readMainThreads(pid))
  const apiThreads: MainThreads = new Map(apiPids.flatMap(pid => [...threadsOf(pid)]))
  const databaseThreads = threadsOf(databasePid)
  const pressure = readPressure(apiPid)
  const throttledOf = (pid: number | null) => (pid === null ? null : readThrottledUs(pid))
  const throttledUs = {
    api: target.throttledUs?.() ?? throttledOf(apiPid),
    database: throttledOf(databasePid),
    generator: throttledOf(generatorPid),
  }
  const tree = (pid: number | null) => (pid === null ? null : readTreeCpuUs(pid))
  const [api, database, generator, metrics] = await Promise.all([
    Promise.all(apiPids.map(tree)).then(sumOrNull),
    tree(databasePid),
    tree(generatorPid),
    readPages(pages),
  ])
  const cpuUs = { api, database, generator }
  return { atMs, host, cpuUs, throttledUs, apiThreads, databaseThreads, pressure, metrics }
}
