import { PanelBuilder } from '@grafana/grafana-foundation-sdk/dashboard'
import { DataqueryBuilder, SearchTableType, TempoQueryType } from '@grafana/grafana-foundation-sdk/tempo'
import { dataSources } from './datasources.ts'
import type { PanelSpec, PanelBuilder as SomePanel } from './panel.ts'

/** What a panel on traces must say; its units are its own. */
export type TracePanelSpec = Pick<PanelSpec, 'title' | 'description' | 'span' | 'height'> & {
  /** A TraceQL query, or the id of one trace. */
  query: string
}

/** One trace, as bars on a time axis. */
export function trace(spec: TracePanelSpec): SomePanel {
  return panel('traces', spec, 16)
}

/** The columns of a list, in the order in which they are worth reading; the rest of a narrow table is off screen. */
const columns = [
  { field: 'traceDuration', name: 'Took', width: 80 },
  { field: 'traceName', name: 'Request', width: undefined },
  { field: 'startTime', name: 'At', width: 165 },
  { field: 'traceID', name: 'Trace', width: 285 },
] as const

/** Traces that a query finds, one a line; a click on an id shows it on the same dashboard, in `variable`. */
export function traceList(spec: TracePanelSpec, link: { dashboardUid: string; variable: string }): SomePanel {
  const order = Object.fromEntries(columns.map(({ field }, at) => [field, at]))
  const names = Object.fromEntries(columns.map(({ field, name }) => [field, name]))
  const list = panel('table', spec, 8).withTransformation({
    id: 'organize',
    options: {
      indexByName: order,
      renameByName: names,
      excludeByName: { traceService: true, nested: true },
    },
  })
  for (const { name, width } of columns) {
    if (width !== undefined) list.overrideByName(name, [{ id: 'custom.width', value: width }])
  }
  // The data source's own link leads to Explore, which an anonymous viewer may not open.
  return list.overrideByName('Trace', [
    {
      id: 'links',
      value: [
        {
          title: 'Show this trace',
          url: `/d/${link.dashboardUid}?var-${link.variable}=\${__value.raw}&\${__url_time_range}`,
        },
      ],
    },
  ])
}

function panel(type: 'traces' | 'table', spec: TracePanelSpec, defaultHeight: number): PanelBuilder {
  return new PanelBuilder()
    .type(type)
    .title(spec.title)
    .description(spec.description)
    .datasource(dataSources.tempo)
    .span(spec.span)
    .height(spec.height ?? defaultHeight)
    .targets([
      new DataqueryBuilder()
        .refId('A')
        .datasource(dataSources.tempo)
        .queryType(TempoQueryType.Traceql)
        .tableType(SearchTableType.Traces)
        .limit(50)
        .query(spec.query),
    ])
}
