import type { Builder } from '@grafana/grafana-foundation-sdk/cog'
import {
  AnnotationQueryBuilder,
  type Dashboard,
  DashboardBuilder,
  DashboardCursorSync,
  type DashboardLink,
  DashboardLinkBuilder,
  DashboardLinkType,
  QueryVariableBuilder,
  RowBuilder,
  TextBoxVariableBuilder,
  type VariableModel,
  VariableRefresh,
  VariableSort,
} from '@grafana/grafana-foundation-sdk/dashboard'
import { metricNames } from '../telemetry/metric-names.ts'
import { dataSources, scrapeIntervalS } from './datasources.ts'
import { k6Metrics, scrapeMetrics } from './foreign-metrics.ts'
import type { PanelBuilder } from './panel.ts'

/** A line of thought: a heading and the panels below it, left to right, in lines that fill 24 columns. */
export interface Row {
  title: string
  panels: readonly PanelBuilder[]
}

/** The variables a dashboard can offer at its top; each filters through `filters` in promql.ts. */
export type Variable = 'instance' | 'route' | 'strategy' | 'testid' | 'trace'

export interface BoardSpec {
  /** Names the file (`grafana/dashboards/<name>.json`) and the address (`/d/insertlab-<name>`). */
  name: string
  title: `${string}?`
  description: string
  variables: readonly Variable[]
  rows: readonly Row[]
}

const tag = 'insertlab'

/** Puts panels and rows together into the dashboard that Grafana loads. */
export function board(spec: BoardSpec): Dashboard {
  const dashboard = new DashboardBuilder(spec.title)
    .uid(`${tag}-${spec.name}`)
    .description(spec.description)
    .tags([tag])
    .readonly()
    .tooltip(DashboardCursorSync.Crosshair)
    .refresh(`${scrapeIntervalS}s`)
    .time({ from: 'now-15m', to: 'now' })
    .timezone('browser')
    .link({ build: otherQuestions })
    .annotations([loadTests, alerts])
    .variables(spec.variables.map(name => variable(name)))
  for (const row of spec.rows) {
    dashboard.withRow(new RowBuilder(row.title))
    for (const panel of row.panels) dashboard.withPanel(panel)
  }
  return withPanelIds(dashboard.build())
}

/** One menu leads to all the other dashboards and keeps what the reader looks at: time range and variables. */
function otherQuestions(): DashboardLink {
  // The SDK's default placement hides a link in a menu of controls; only without one is it seen.
  const { placement, ...link } = new DashboardLinkBuilder('The other questions')
    .type(DashboardLinkType.Dashboards)
    .tags([tag])
    .asDropdown(true)
    .keepTime(true)
    .includeVars(true)
    .build()
  return link
}

/** Marks in all panels: when a load test ran, and which alert fired. */
const loadTests = new AnnotationQueryBuilder()
  .name('Load tests')
  .datasource(dataSources.prometheus)
  .enable(true)
  .iconColor('blue')
  .expr(`count by (testid) (${k6Metrics.vus}{testid!="background"})`)
  .titleFormat('Load test {{testid}}')
  .step(`${scrapeIntervalS}s`)
const alerts = new AnnotationQueryBuilder()
  .name('Alerts')
  .datasource(dataSources.prometheus)
  .enable(true)
  .iconColor('red')
  .expr(`${scrapeMetrics.alerts}{alertstate="firing"}`)
  .titleFormat('{{alertname}}')
  .textFormat('{{instance}}')
  .step(`${scrapeIntervalS}s`)

const sources: Record<Exclude<Variable, 'trace'>, { label: string; query: string }> = {
  instance: { label: 'Worker', query: `label_values(${scrapeMetrics.up}{job="service"}, instance)` },
  route: { label: 'Route', query: `label_values(${metricNames.requestDuration}_count, http_route)` },
  strategy: {
    label: 'Insert strategy',
    query: `label_values(${metricNames.requestCpu}_count, insert_strategy)`,
  },
  testid: { label: 'Load test', query: `label_values(${k6Metrics.vus}, testid)` },
}

function variable(name: Variable): Builder<VariableModel> {
  if (name === 'trace') return new TextBoxVariableBuilder(name).label('Trace id')
  const { label, query } = sources[name]
  return (
    new QueryVariableBuilder(name)
      .label(label)
      .datasource(dataSources.prometheus)
      .query(query)
      .definition(query)
      .refresh(VariableRefresh.OnTimeRangeChanged)
      .sort(VariableSort.NaturalAsc)
      .multi(true)
      .includeAll(true)
      // Not the list of values: `.*` also matches series that do not carry the label.
      .allValue('.*')
      .current({ selected: true, text: ['All'], value: ['$__all'] })
  )
}

/** Grafana numbers panels at load where the file does not; numbers of ours keep links to one panel stable. */
function withPanelIds(dashboard: Dashboard): Dashboard {
  return {
    ...dashboard,
    panels: dashboard.panels?.map((panel, index) => ({ ...panel, id: index + 1 })) ?? [],
  }
}
