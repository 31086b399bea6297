import { LabError } from '../errors.ts'
import type { LoadGenerator, LoadPlan, LoadResult } from '../load/generator.ts'
import { type LedgerReading, ledgerBetween, ledgerOf } from '../probes/cpu-ledger.ts'
import { busyCores, type HostReading, readHostCpu } from '../probes/host-cpu.ts'
import { busiestThread, type MainThreads, readMainThreads } from '../probes/main-thread.ts'
import { cpuBetweenUs, readTreeCpuUs } from '../probes/process-cpu.ts'
import { type ReportedCpu, sampleReportedCpu } from '../probes/reported-cpu.ts'
import {
  eventLoopOf,
  eventLoopUtilisation,
  type MetricsReading,
  metricsUrls,
  readPages,
} from '../probes/service-metrics.ts'
import type { Target } from './test-bed.ts'

/** Everything seen in one window: one repeat of one step. */
export interface Observation {
  readonly load: LoadResult
  /** Between the two readings of the probes. */
  readonly windowS: number
  /** CPU used in the window by each process tree, us. */
  readonly cpuUs: {
    readonly api: number | null
    readonly database: number | null
    readonly generator: number | null
  }
  /**
   * Event-loop utilisation of the busiest worker, 0 … 1: its own word where it gives one fresh enough for the
   * window, otherwise the share of the window in which its main thread wanted a core.
   */
  readonly apiThread: number | null
  /** Cores busy on the whole host. */
  readonly hostCores: number | null
  readonly reported: ReportedCpu | null
  /** What the service's own ledger counted in the window; null where it keeps none. */
  readonly ledger: LedgerReading | null
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
  const pages = target.adminUrl === null ? [] : await metricsUrls(target.adminUrl)
  const edges: Promise<Edge>[] = []
  let stopAsking: (() => Promise<ReportedCpu>) | undefined
  let reported: Promise<ReportedCpu> | undefined
  try {
    const load = await generator.run(plan, {
      signal,
      onLive,
      onWindow(edge, generatorPid) {
        edges.push(readEdge(target, generatorPid, pages))
        if (edge === 'opens' && reportedCpu !== undefined)
          stopAsking = sampleReportedCpu(target.url + reportedCpu)
        if (edge === 'closes') reported = stopAsking?.()
      },
    })
    const [opened, closed] = await Promise.all(edges)
    if (opened === undefined || closed === undefined) {
      throw new LabError(
        'LAB_LOAD_GENERATOR',
        `${generator.name} ended without a window to measure in`,
        'Run again with less other work on this machine, or with --generator autocannon.',
      )
    }
    const windowS = (closed.atMs - opened.atMs) / 1000
    return {
      load,
      windowS,
      cpuUs: {
        api: cpuBetweenUs(opened.api, closed.api),
        database: cpuBetweenUs(opened.database, closed.database),
        generator: cpuBetweenUs(opened.generator, closed.generator),
      },
      apiThread:
        eventLoopUtilisation(eventLoopOf(opened.metrics), eventLoopOf(closed.metrics)) ??
        busiestThread(opened.apiThreads, closed.apiThreads, windowS),
      hostCores: busyCores(opened.host, closed.host, cores),
      reported: (await reported) ?? null,
      ledger: ledgerBetween(ledgerOf(opened.metrics), ledgerOf(closed.metrics)),
    }
  } finally {
    await stopAsking?.()
  }
}

interface Edge {
  readonly atMs: number
  readonly host: HostReading | null
  /** CPU of each process tree since it began, us. */
  readonly api: number | null
  readonly database: number | null
  readonly generator: number | null
  readonly apiThreads: MainThreads
  readonly metrics: MetricsReading
}

/** What is read from files is read before this function first waits, so it belongs to the instant of the call. */
async function readEdge(target: Target, generatorPid: number, pages: readonly string[]): Promise<Edge> {
  const atMs = performance.now()
  const host = readHostCpu()
  const apiThreads: MainThreads = target.apiPid === null ? new Map() : readMainThreads(target.apiPid)
  const tree = (pid: number | null) => (pid === null ? null : readTreeCpuUs(pid))
  const [api, database, generator, metrics] = await Promise.all([
    tree(target.apiPid),
    tree(target.databasePid),
    tree(generatorPid),
    readPages(pages),
  ])
  return { atMs, host, api, database, generator, apiThreads, metrics }
}
