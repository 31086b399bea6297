import { PanelBuilder } from '@grafana/grafana-foundation-sdk/dashboard'
import { DataqueryBuilder, SearchTableType, TempoQueryType } from '@grafana/grafana-foundation-sdk/tempo'
import { dataSources } from './datasources.ts'
import type { PanelSpec } from './panel.ts'

/** What a panel on traces must say; its units are its own. */
export type TracePanelSpec = Pick<PanelSpec, 'title' | 'description' | 'span' | 'height'> & {
  /** A TraceQL query, or the id of one trace. */
  query: string
}

/** One trace, as bars on a time axis. */
export function trace(spec: TracePanelSpec): PanelBuilder {
  return panel('traces', spec, 16)
}

/** Traces that a query finds, one a line; a click on an id shows it on the same dashboard, in `variable`. */
export function traceList(
  spec: TracePanelSpec,
  link: { dashboardUid: string; variable: string },
): PanelBuilder {
  // The data source's own link leads to Explore, which an anonymous viewer may not open.
  return panel('table', spec, 10).overrides([
    {
      matcher: { id: 'byName', options: 'traceID' },
      properties: [
        {
          id: 'links',
          value: [
            {
              title: 'Show this trace',
              url: `/d/${link.dashboardUid}?var-${link.variable}=\${__value.raw}&\${__url_time_range}`,
            },
          ],
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
