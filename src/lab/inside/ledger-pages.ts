import { readTree } from '../probes/proc.ts'
import { readMetrics } from '../probes/service-metrics.ts'
import { loopbackPortsOf } from '../probes/sockets.ts'

/** A process of the service that serves HTTP and has a ledger. */
export interface LedgerProcess {
  readonly pid: number
  readonly metricsUrl: string
  /** CPU since its start, us. */
  readonly cpuUs: number
}

const answerLimitMs = 1000

/**
 * The processes below these roots whose ledger serves its metrics. Each has chosen a free port, so all their ports of
 * 127.0.0.1 are asked, except the service's own.
 */
export async function ledgerProcesses(
  roots: readonly number[],
  serviceUrl: string,
): Promise<LedgerProcess[]> {
  const servicePort = Number(new URL(serviceUrl).port)
  const processes = new Map(roots.flatMap(readTree).map(stat => [stat.pid, stat]))
  const candidates = [...processes.values()].flatMap(({ pid, ownUs }) =>
    loopbackPortsOf(pid)
      .filter(port => port !== servicePort)
      .map(port => ({ pid, metricsUrl: `http://127.0.0.1:${port}/metrics`, cpuUs: ownUs })),
  )
  const pages = await Promise.all(candidates.map(({ metricsUrl }) => readMetrics(metricsUrl, answerLimitMs)))
  return candidates.filter((_, i) => pages[i]?.includes('process_cpu_attributed_seconds_total '))
}
