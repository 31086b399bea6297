import { cpuOverControl, rateOverControl } from '../analysis/demand.ts'
import type { Figure, Sample } from '../results.ts'
import {
  formatFigure,
  formatFigureFixed,
  formatNumber,
  ledgerEntries,
  notMeasured,
  scaleFigure,
} from './format.ts'
import { type Html, html } from './html.ts'

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
  const accounted = samples.filter(({ ledgerUs }) => ledgerUs !== undefined)
  const profiled = samples.filter(({ layersUs }) => layersUs !== undefined)
  const entries = samples.flatMap(({ ledgerUs = {} }) =>
    Object.keys(ledgerUs).filter(entry => (ledgerUs[entry]?.high ?? 0) > 0),
  )
  const ledgerColumns = [...new Set(entries)].map(
    (entry): Column => ({
      heading: ledgerEntries.get(entry) ?? entry,
      unit: 'µs',
      read: sample => sample.ledgerUs?.[entry] ?? null,
    }),
  )
  return html`
    ${figureTable(isLowerBound ? 'Throughput (at least) and latency' : 'Throughput and latency', samples, loadColumns)}
    ${figureTable('CPU per answered request', samples, isReported ? [...cpuColumns, ...reportedColumns] : cpuColumns)}
    ${hasControl ? figureTable('The control of each sample, and the sample compared with it', samples, controlColumns) : null}
    ${samples.map(pairsTable)}
    ${ledgerColumns.length > 0 ? figureTable('API CPU per request by the service’s ledger', accounted, ledgerColumns) : null}
    ${profiled.length > 0 ? layersTable(profiled) : null}
    ${figureTable('Resources in use', samples, utilisationColumns)}`
}

/** A service has dozens of layers, so each is a row, the largest first. */
function layersTable(samples: readonly Sample[]): Html {
  const largestUs = new Map<string, number>()
  for (const [layer, { median }] of samples.flatMap(sample => Object.entries(sample.layersUs ?? {})))
    largestUs.set(layer, Math.max(median, largestUs.get(layer) ?? 0))
  const layers = [...largestUs].toSorted(([, a], [, b]) => b - a).map(([layer]) => layer)
  return html`
    <details>
      <summary>API CPU per request by layer</summary>
      <div class="scroll" role="region" tabindex="0" aria-label="API CPU per request by layer">
        <table class="figures">
          <thead><tr><th scope="col">Layer</th>
            ${samples.map(({ label }) => html`<th scope="col">${label} <span>µs</span></th>`)}</tr></thead>
          <tbody>
            ${layers.map(
              layer => html`<tr><th scope="row">${layer}</th>
                ${samples.map(({ layersUs }) => cell(layersUs?.[layer] ?? null, {}, 'not seen'))}</tr>`,
            )}
            <tr><th scope="row">Seen in the profile, % of the main thread’s CPU</th>
              ${samples.map(({ profile }) => cell(percent(profile?.agreement ?? null), {}))}</tr>
          </tbody>
        </table>
      </div>
    </details>`
}

/** Every pair of windows of a sample that has a control; null of one that has none. */
function pairsTable(sample: Sample): Html | null {
  const { label, besideUs, besidePerS, cpuPerRequestUs, throughputPerS } = sample
  const rates = rateOverControl(sample)?.values
  if (rates === undefined) return null
  const costs = cpuOverControl(sample)?.values
  const shown = (value: number | undefined) =>
    value === undefined
      ? html`<td class="missing">${notMeasured}</td>`
      : html`<td>${formatNumber(value)}</td>`
  return html`
    <details>
      <summary>Each pair of windows of “${label}”</summary>
      <table class="figures">
        <thead><tr><th scope="col">Pair</th>
          <th scope="col">Control <span>µs</span></th><th scope="col">API <span>µs</span></th><th scope="col">CPU <span>× the control</span></th>
          <th scope="col">Control <span>req/s</span></th><th scope="col">Throughput <span>req/s</span></th><th scope="col">Throughput <span>× the control</span></th></tr></thead>
        <tbody>${rates.map(
          (rate, pair) => html`<tr><th scope="row">${pair + 1}</th>
            ${shown(besideUs?.values?.[pair])}${shown(cpuPerRequestUs.api?.values?.[pair])}${shown(costs?.[pair])}
            ${shown(besidePerS?.values?.[pair])}${shown(throughputPerS.values?.[pair])}${shown(rate)}</tr>`,
        )}</tbody>
      </table>
    </details>`
}

function figureTable(caption: string, samples: readonly Sample[], columns: readonly Column[]): Html {
  return html`
    <div class="scroll" role="region" tabindex="0" aria-label="${caption}">
      <table class="figures">
        <caption>${caption} <span>median, below it the lowest and highest repeat</span></caption>
        <thead>
          <tr>
            <th scope="col">Sample</th>
            ${columns.map(column => html`<th scope="col">${column.heading} <span>${column.unit}</span></th>`)}
            <th scope="col">Repeats <span>n</span></th>
          </tr>
        </thead>
        <tbody>
          ${samples.map(sample => row(sample, columns))}
        </tbody>
      </table>
    </div>`
}

function row(sample: Sample, columns: readonly Column[]): Html {
  const figures = columns.map(column => column.read(sample))
  const repeats = [...new Set(figures.flatMap(figure => (figure === null ? [] : [figure.repeats])))]
  return html`<tr>
    <th scope="row">${sample.label}</th>
    ${columns.map(column => cell(column.read(sample), column))}
    <td>${repeats.length === 0 ? '–' : repeats.toSorted((a, b) => a - b).join(', ')}</td>
  </tr>`
}

function cell(figure: Figure | null, { decimals }: Pick<Column, 'decimals'>, empty = notMeasured): Html {
  if (figure === null) return html`<td class="missing">${empty}</td>`
  const { median, range } =
    decimals === undefined ? formatFigure(figure) : formatFigureFixed(figure, decimals)
  return html`<td>${median} <small>${range ?? 'one run'}</small></td>`
}
