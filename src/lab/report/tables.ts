import { cpuOverControl, rateOverControl } from '../analysis/demand.ts'
import type { Figure, Sample } from '../results.ts'
import { formatNumber, ledgerEntries, notMeasured, scaleFigure } from './format.ts'
import { type Html, html } from './html.ts'
import { emptyCell, figureCell, type Heading, spreadBelow, table } from './table.ts'

interface Column {
  heading: string
  unit: string
  read: (sample: Sample) => Figure | null
  /** Where the column's scale is known; else three significant digits. */
  decimals?: number
}

const percent = (figure: Figure | null) => (figure === null ? null : scaleFigure(figure, 100))

/** Where no request was answered there is no latency; 0 would be wrong. */
function latencyOf({ latencyMs, throughputPerS }: Sample, percentile: 'p50' | 'p90' | 'p99' | 'max') {
  return throughputPerS.high > 0 ? latencyMs[percentile] : null
}

const loadColumns: readonly Column[] = [
  { heading: 'Throughput', unit: 'req/s', read: sample => sample.throughputPerS },
  { heading: 'p50', unit: 'ms', read: sample => latencyOf(sample, 'p50') },
  { heading: 'p90', unit: 'ms', read: sample => latencyOf(sample, 'p90') },
  { heading: 'p99', unit: 'ms', read: sample => latencyOf(sample, 'p99') },
  { heading: 'Slowest', unit: 'ms', read: sample => latencyOf(sample, 'max') },
  { heading: 'Not 2xx', unit: '%', read: sample => percent(sample.errors.ratio) },
  { heading: 'Not sent', unit: 'requests', read: sample => sample.errors.dropped },
]

const cpuColumns: readonly Column[] = [
  { heading: 'API', unit: 'µs', read: sample => sample.cpuPerRequestUs.api },
  { heading: 'PostgreSQL', unit: 'µs', read: sample => sample.cpuPerRequestUs.database },
  { heading: 'Load generator', unit: 'µs', read: sample => sample.cpuPerRequestUs.generator },
]

const reportedColumns: readonly Column[] = [
  { heading: 'Ledger says', unit: 'µs', read: sample => sample.reportedCpuUs?.ledger ?? null },
  { heading: 'Usual reading says', unit: 'µs', read: sample => sample.reportedCpuUs?.naive ?? null },
]

const controlColumns: readonly Column[] = [
  { heading: 'API', unit: 'µs', read: sample => sample.besideUs ?? null },
  { heading: 'Throughput', unit: 'req/s', read: sample => sample.besidePerS ?? null },
  { heading: 'p99', unit: 'ms', read: sample => sample.besideP99Ms ?? null },
  { heading: 'CPU per request', unit: '× the control', read: cpuOverControl, decimals: 3 },
  { heading: 'Throughput', unit: '× the control', read: rateOverControl, decimals: 3 },
]

const utilisationColumns: readonly Column[] = [
  {
    heading: 'API event loop',
    unit: '% busy',
    read: sample => percent(sample.utilisation.apiThread),
    decimals: 0,
  },
  { heading: 'API', unit: 'cores', read: sample => sample.utilisation.api, decimals: 2 },
  { heading: 'PostgreSQL', unit: 'cores', read: sample => sample.utilisation.database, decimals: 2 },
  { heading: 'Load generator', unit: 'cores', read: sample => sample.utilisation.generator, decimals: 2 },
  { heading: 'Whole host', unit: 'cores', read: sample => sample.utilisation.host, decimals: 2 },
]

/**
 * Every figure of the samples, as tables.
 * @param isLowerBound the figures of throughput are "at least": the table's caption says so
 */
export function sampleTables(samples: readonly Sample[], isLowerBound: boolean): Html {
  const isReported = samples.some(sample => sample.reportedCpuUs !== undefined)
  const hasControl = samples.some(sample => sample.besideUs !== undefined)
  return html`
    ${figureTable(isLowerBound ? 'Throughput (at least) and latency' : 'Throughput and latency', samples, loadColumns)}
    ${figureTable('CPU per answered request', samples, isReported ? [...cpuColumns, ...reportedColumns] : cpuColumns)}
    ${hasControl ? figureTable('The control of each sample, and the sample compared with it', samples, controlColumns) : null}
    ${samples.map(pairsTable)}
    ${figureTable('Resources in use', samples, utilisationColumns)}`
}

/** The whole CPU of the API: what the ledger charged the requests, and each bucket of what belongs to none. */
export function ledgerTable(samples: readonly Sample[]): Html | null {
  const accounted = samples.filter(({ ledgerUs }) => ledgerUs !== undefined)
  const entries = accounted.flatMap(({ ledgerUs = {} }) =>
    Object.keys(ledgerUs).filter(entry => (ledgerUs[entry]?.high ?? 0) > 0),
  )
  if (entries.length === 0) return null
  const columns = [...new Set(entries)].map(
    (entry): Column => ({
      heading: ledgerEntries.get(entry) ?? entry,
      unit: 'µs',
      read: sample => sample.ledgerUs?.[entry] ?? null,
    }),
  )
  return figureTable('API CPU per request by the service’s ledger', accounted, columns)
}

/** Every pair of windows of a sample that has a control; null of one that has none. */
function pairsTable(sample: Sample): Html | null {
  const { label, besideUs, besidePerS, cpuPerRequestUs, throughputPerS } = sample
  const rate = rateOverControl(sample)
  if (rate?.values === undefined) return null
  const cost = cpuOverControl(sample)
  const columns = [besideUs, cpuPerRequestUs.api, cost, besidePerS, throughputPerS, rate]
  const caption = `Each pair of windows of “${label}”`
  const pairs = table({
    caption,
    kind: 'figures',
    columns: [
      ['Pair'],
      ['Control', 'µs'],
      ['API', 'µs'],
      ['CPU', '× the control'],
      ['Control', 'req/s'],
      ['Throughput', 'req/s'],
      ['Throughput', '× the control'],
    ],
    rows: rate.values.map((_, pair) => [
      pair + 1,
      ...columns.map(figure => {
        const value = figure?.values?.[pair]
        return value === undefined ? emptyCell(notMeasured) : html`<td>${formatNumber(value)}</td>`
      }),
    ]),
  })
  return html`<details><summary>${caption}</summary>${pairs}</details>`
}

function figureTable(caption: string, samples: readonly Sample[], columns: readonly Column[]): Html {
  return table({
    caption,
    note: spreadBelow,
    kind: 'figures',
    columns: [['Sample'], ...columns.map(({ heading, unit }): Heading => [heading, unit]), ['Repeats', 'n']],
    rows: samples.map(sample => {
      const figures = columns.map(({ read }) => read(sample))
      const repeats = new Set(figures.flatMap(figure => figure?.repeats ?? []))
      return [
        sample.label,
        ...columns.map(({ decimals }, i) => figureCell(figures[i] ?? null, decimals)),
        html`<td>${[...repeats].toSorted((a, b) => a - b).join(', ') || '–'}</td>`,
      ]
    }),
  })
}
