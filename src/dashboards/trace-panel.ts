import { PanelBuilder } from '@grafana/grafana-foundation-sdk/dashboard'
import { DataqueryBuilder, SearchTableType, TempoQueryType } from '@grafana/grafana-foundation-sdk/tempo'
import { dataSources } from './datasources.ts'
import type { PanelSpec, PanelBuilder as SomePanel } from './panel.ts'

/** What a panel of traces must say. It needs no unit. */
export type TracePanelSpec = Pick<PanelSpec, 'title' | 'description' | 'span' | 'height'> & {
  /** A TraceQL query, or the id of one trace. */
  query: string
}

/** One trace, as bars on a time axis. */
export function trace(spec: TracePanelSpec): SomePanel {
  return panel('traces', spec, 16)
}

/** The columns of a list, as Grafana names them, the most useful first. */
const columns = ['Duration', 'Name', 'Start time', 'Trace ID'] as const
/** In pixels, wide enough for the contents. The name gets the rest. */
const widths = { traceDuration: 110, startTime: 190, traceID: 285 } as const

export type TraceListSpec = TracePanelSpec & {
  /** The column whose highest value comes first. */
  first: (typeof columns)[number]
}

/** Width of the time range that shows the service as it was when a trace began. */
const aroundATraceMs = 5 * 60_000

/**
 * The newest traces that a query finds, one per line. A click on an id shows that trace on the dashboard, by
 * `variable`; a click on a time shows metrics and profiles of the service at that time.
 */
export function traceList(spec: TraceListSpec, link: { dashboardUid: string; variable: string }): SomePanel {
  // Without the hint Tempo answers with the traces that it finds first, in any part of the time range.
  const query = `${spec.query} with (most_recent=true)`
  const list = panel('table', { ...spec, query }, 8)
    .withTransformation({
      id: 'organize',
      options: {
        indexByName: Object.fromEntries(columns.map((name, at) => [name, at])),
        excludeByName: { Service: true },
      },
    })
    .options({ sortBy: [{ displayName: spec.first, desc: true }] })
  for (const [field, width] of Object.entries(widths)) {
    list.overrideByName(field, [{ id: 'custom.width', value: width }])
  }
  // The data source's own links lead to Explore, which an anonymous viewer may not open.
  const links = {
    startTime: {
      title: 'Show the service at that time',
      url: `/d/insertlab-cpu?time=\${__value.numeric}&time.window=${aroundATraceMs}`,
    },
    traceID: {
      title: 'Show this trace',
      url: `/d/${link.dashboardUid}?var-${link.variable}=\${__value.raw}&\${__url_time_range}`,
    },
  }
  for (const [field, one] of Object.entries(links)) {
    list.overrideByName(field, [{ id: 'links', value: [one] }])
  }
  return list
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
