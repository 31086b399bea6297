import { TableSortByFieldStateBuilder } from '@grafana/grafana-foundation-sdk/common'
import type { DynamicConfigValue } from '@grafana/grafana-foundation-sdk/dashboard'
import { PromQueryFormat } from '@grafana/grafana-foundation-sdk/prometheus'
import { PanelBuilder as TableBuilder } from '@grafana/grafana-foundation-sdk/table'
import {
  common,
  grafanaUnits,
  type PanelBuilder,
  type PanelSpec,
  type Query,
  refId,
  type Unit,
} from './panel.ts'

/** One line per series: its labels, its newest value and a small chart of its past. The largest value comes first. */
export function trends(
  spec: Omit<PanelSpec, 'queries'> & { query: Query; labels: Readonly<Record<string, string>> },
): PanelBuilder {
  const { query, labels } = spec
  const panel = new TableBuilder()
    .sortBy([new TableSortByFieldStateBuilder().displayName('Trend').desc(true)])
    .withTransformation({ id: 'timeSeriesTable', options: { A: { timeField: 'Time', stat: 'lastNotNull' } } })
    .withTransformation({
      id: 'organize',
      options: {
        renameByName: { ...labels, 'Trend #A': 'Trend' },
        indexByName: Object.fromEntries([...Object.keys(labels), 'Trend #A'].map((name, at) => [name, at])),
      },
    })
    .overrideByName('Trend', [
      {
        id: 'custom.cellOptions',
        value: { type: 'sparkline', hideValue: false, drawStyle: 'line', fillOpacity: 20, lineWidth: 1 },
      },
    ])
  return common(panel, { ...spec, queries: [query] }, 9)
}

/** A column of `rows`: its query, which gives one value for each line, and its unit. */
export interface Column {
  name: string
  expr: string
  unit: Unit
}

/** One line for each value of `label`, one column per query, over the whole time range that is shown. */
export function rows(
  spec: Omit<PanelSpec, 'queries' | 'unit'> & {
    label: string
    labelName: string
    columns: readonly [Column, ...Column[]]
  },
): PanelBuilder {
  const { label, labelName, columns } = spec
  const field = (at: number) => (columns.length === 1 ? 'Value' : `Value #${refId(at)}`)
  const panel = new TableBuilder()
    .withTransformation({ id: 'joinByField', options: { byField: label, mode: 'outer' } })
    .withTransformation({
      id: 'filterFieldsByName',
      options: { include: { names: [label, ...columns.map((_, at) => field(at))] } },
    })
    .withTransformation({
      id: 'organize',
      options: {
        renameByName: Object.fromEntries([
          [label, labelName],
          ...columns.map(({ name }, at) => [field(at), name]),
        ]),
      },
    })
  panel.overrideByName(labelName, [{ id: 'custom.width', value: 250 }])
  for (const { name, unit } of columns) {
    const properties: DynamicConfigValue[] = [
      { id: 'unit', value: grafanaUnits[unit] },
      { id: 'custom.minWidth', value: 90 },
    ]
    panel.overrideByName(name, properties)
  }
  const [first, ...others] = columns.map(({ expr }) => ({ expr, legend: `{{${label}}}` }))
  if (first === undefined) throw new Error('a table needs a column')
  return common(panel, { ...spec, unit: 'short', queries: [first, ...others] }, 8, {
    format: PromQueryFormat.Table,
    instant: true,
  })
}
