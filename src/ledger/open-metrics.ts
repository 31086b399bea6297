import type { CpuTotals } from './accounting.ts'
import type { RequestAccount } from './requests.ts'

/** Upper bounds in seconds. They begin at 10 us, about the cost of a handler that does nothing. */
const bucketBoundsS = [
  10e-6, 25e-6, 50e-6, 75e-6, 100e-6, 150e-6, 200e-6, 300e-6, 500e-6, 750e-6, 1e-3, 1.5e-3, 2e-3, 3e-3, 5e-3,
  10e-3, 25e-3, 50e-3, 0.1, 0.25, 1,
]

const knownMethods = new Set(['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS', 'CONNECT', 'TRACE'])

interface Series {
  readonly labels: string
  /** Per bucket, not cumulative. The last bucket has no upper bound. */
  readonly counts: number[]
  sumS: number
}

/** CPU per request as a histogram, in the OpenMetrics text format; the names are those of this project's service. */
export class RequestCpuHistogram {
  readonly #series = new Map<string, Series>()

  /** @param request whose figures are final. */
  readonly observe = (request: RequestAccount): void => {
    const { cpuS } = request
    const labels = labelsOf(request)
    let series = this.#series.get(labels)
    if (series === undefined) {
      series = { labels, counts: new Array<number>(bucketBoundsS.length + 1).fill(0), sumS: 0 }
      this.#series.set(labels, series)
    }
    const place = bucketBoundsS.findIndex(bound => cpuS <= bound)
    const index = place < 0 ? bucketBoundsS.length : place
    series.counts[index] = (series.counts[index] ?? 0) + 1
    series.sumS += cpuS
  }

  /** The exposition, without the totals of the process. */
  render(): string {
    const name = 'http_server_request_cpu_seconds'
    const lines = [
      `# TYPE ${name} histogram`,
      `# UNIT ${name} seconds`,
      `# HELP ${name} CPU that this process used for one request.`,
    ]
    for (const { labels, counts, sumS } of this.#series.values()) {
      let cumulative = 0
      counts.forEach((count, i) => {
        cumulative += count
        lines.push(`${name}_bucket{${labels},le="${bucketBoundsS[i] ?? '+Inf'}"} ${cumulative}`)
      })
      lines.push(`${name}_sum{${labels}} ${sumS}`, `${name}_count{${labels}} ${cumulative}`)
    }
    return lines.map(line => `${line}\n`).join('')
  }
}

/** The totals of the process, in the OpenMetrics text format. */
export function renderTotals({ processS, requestsS, unattributedS }: CpuTotals): string {
  return [
    counter('process_cpu_seconds', 'CPU of the whole process, all threads.', [['', processS]]),
    counter('process_cpu_attributed_seconds', 'CPU charged to requests.', [['', requestsS]]),
    counter(
      'process_cpu_unattributed_seconds',
      'CPU that belongs to no request, by what it was for.',
      Object.entries(unattributedS).map(([bucket, s]) => [`{bucket="${escapeLabel(bucket)}"}`, s]),
    ),
  ].join('')
}

function counter(name: string, help: string, samples: readonly (readonly [string, number])[]): string {
  const lines = [`# TYPE ${name} counter`, `# UNIT ${name} seconds`, `# HELP ${name} ${help}`]
  return [...lines, ...samples.map(([labels, value]) => `${name}_total${labels} ${value}`)]
    .map(line => `${line}\n`)
    .join('')
}

function labelsOf({ method, route, statusCode }: RequestAccount): string {
  const labels = {
    http_request_method: knownMethods.has(method) ? method : '_OTHER',
    http_route: route ?? '',
    http_response_status_code: statusCode === undefined ? '' : String(statusCode),
  }
  return Object.entries(labels)
    .map(([name, value]) => `${name}="${escapeLabel(value)}"`)
    .join(',')
}

function escapeLabel(value: string): string {
  return value.replace(/\\/g, '\\\\').replace(/"/g, '\\"').replace(/\n/g, '\\n')
}
