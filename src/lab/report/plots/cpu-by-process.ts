import type { Figure, Sample } from '../../results.ts'
import { formatRepeats, formatSum } from '../format.ts'
import { valueAxis } from './axes.ts'
import { processes } from './palette.ts'
import type { ReportPlot } from './report-plot.ts'
import { type Bar, barMarks, comparison, described, inRows, rowPlot } from './rows.ts'

/** CPU of processes, us; null: not measured. */
export interface Cost {
  readonly label: string
  readonly api: Figure
  readonly database: Figure | null
  /** Absent where the generator is left out. */
  readonly generator?: Figure | null
}

/**
 * CPU per request as stacked bars, one a sample: API, PostgreSQL, load generator. Null where no sample has
 * the API's figure.
 */
export function cpuByProcess(samples: readonly Sample[]): ReportPlot | null {
  const costs = samples.flatMap(({ label, cpuPerRequestUs: { api, database, generator } }) =>
    api === null ? [] : [{ label, api, database, generator }],
  )
  if (costs.length === 0) return null
  const ofApi = costs.map(({ label, api }) => ({ label, figure: api }))
  const hasGap = costs.some(({ database, generator }) => database === null || generator === null)
  return {
    name: 'cpu-by-process',
    title: comparison('API CPU per request', 'µs', ofApi),
    note: [
      `CPU time of each process tree, divided by the answered requests; median of ${formatRepeats(costs.map(({ api }) => api))}.`,
      'Whiskers: lowest and highest repeat of the API.',
      ...(hasGap ? ['“?” was not measured.'] : []),
    ].join(' '),
    description: described(ofApi, 'µs'),
    ...stackedBars(costs, 'CPU per request (µs)'),
  }
}

/** CPU per durable row of each stack, in the given order: the picture of the insert table. */
export function insertTablePlot(costs: readonly Cost[]): ReportPlot {
  return {
    name: 'insert-table',
    title: 'CPU per durable row, one row a request, 64 connections',
    note: 'Whiskers: lowest and highest repeat of the API.',
    description: described(
      costs.map(({ label, api }) => ({ label, figure: api })),
      'µs',
    ),
    ...stackedBars(costs, 'CPU per durable row (µs), API + PostgreSQL'),
  }
}

/** The processes of each row in a line, with the spread of the API. */
function stackedBars(costs: readonly Cost[], axisLabel: string): Pick<ReportPlot, 'key' | 'options'> {
  const shown = processes.filter(({ id }) => costs.some(cost => cost[id]))
  const bars = costs.flatMap((cost, row): Bar[] => {
    let end = 0
    return processes.map(({ id, colour }) => {
      const x1 = end
      end += cost[id]?.median ?? 0
      return { row, x1, x2: end, colour }
    })
  })
  const spread = inRows(costs.map(({ api }) => api))
  return {
    key: shown.map(({ colour, name }) => ({ colour, text: name })),
    options: rowPlot({
      labels: costs.map(({ label }) => label),
      values: costs.map(cost => `${formatSum(partsOf(cost))} µs`),
      axis: valueAxis([...bars.map(({ x2 }) => x2), ...costs.map(({ api }) => api.high)], axisLabel),
      marks: barMarks(bars, spread),
    }),
  }
}

function partsOf({ api, database, generator }: Cost): (Figure | null)[] {
  return generator === undefined ? [api, database] : [api, database, generator]
}
