import type { Builder } from '@grafana/grafana-foundation-sdk/cog'
import {
  type AnnotationQuery,
  AnnotationQueryBuilder,
  type Dashboard,
  DashboardBuilder,
  DashboardCursorSync,
  type DashboardLink,
  DashboardLinkBuilder,
  DashboardLinkType,
  type Panel,
  QueryVariableBuilder,
  RowBuilder,
  type RowPanel,
  TextBoxVariableBuilder,
  type VariableModel,
  VariableRefresh,
  VariableSort,
} from '@grafana/grafana-foundation-sdk/dashboard'
import { metricNames } from '../telemetry/metric-names.ts'
import { dataSources, scrapeIntervalS } from './datasources.ts'
import { k6Metrics, scrapeMetrics } from './foreign-metrics.ts'
import type { PanelBuilder } from './panel.ts'

/** A heading and the panels below it, left to right, in lines that fill 24 columns. */
export interface Row {
  title: string
  panels: readonly PanelBuilder[]
  /** Details, which are loaded only when somebody opens the row. */
  collapsed?: boolean
  /** Filters of the board that apply to none of these panels. The heading says so. */
  ignores?: readonly Variable[]
}

/** The variables a dashboard can offer at its top; each filters through `filters` in promql.ts. */
export type Variable = 'instance' | 'route' | 'strategy' | 'testid' | 'trace'

export interface BoardSpec {
  /** Names the file (`grafana/dashboards/<name>.json`) and the address (`/d/insertlab-<name>`). */
  name: string
  title: `${string}?`
  description: string
  /** How often it refreshes by itself; null: only when the reader asks. */
  refreshS?: number | null
  variables: readonly Variable[]
  rows: readonly Row[]
}

const tag = 'insertlab'

/** The Grafana that compose.yaml starts. Grafana does not migrate a panel that has this version. */
export const grafanaVersion = '13.2.0'

/** The header of every board: all boards, in the order in which a newcomer reads them. */
export const readingOrder = [
  { name: 'cpu', title: '1 CPU' },
  { name: 'limits', title: '2 Limits' },
  { name: 'database', title: '3 Database' },
  { name: 'load', title: '4 Client' },
  { name: 'runtime', title: '5 Workers' },
  { name: 'trace', title: '6 One request' },
] as const

/** Puts panels and rows together into the dashboard that Grafana loads. */
export function board(spec: BoardSpec): Dashboard {
  const { refreshS = scrapeIntervalS } = spec
  const dashboard = new DashboardBuilder(spec.title)
    .uid(`${tag}-${spec.name}`)
    .description(spec.description)
    .tags([tag])
    .readonly()
    .tooltip(DashboardCursorSync.Crosshair)
    .refresh(refreshS === null ? '' : `${refreshS}s`)
    .time({ from: 'now-15m', to: 'now' })
    .timezone('browser')
    .links(readingOrder.map(({ name, title }) => ({ build: () => headerLink(name, title) })))
    .annotations([inPlainSight(loadTests), inPlainSight(alerts)])
    .variables(spec.variables.map(name => variable(name)))
  for (const row of spec.rows) {
    const heading = new RowBuilder(headingOf(row)).collapsed(row.collapsed ?? false)
    // A collapsed row contains its panels. The panels of an open row follow it.
    if (row.collapsed) for (const panel of row.panels) heading.withPanel(panel)
    dashboard.withRow(heading)
    if (!row.collapsed) for (const panel of row.panels) dashboard.withPanel(panel)
  }
  return complete(dashboard.build())
}

/** What a row's heading says: its title, and which of the filters above do not change it. */
export function headingOf({ title, ignores = [] }: Row): string {
  if (ignores.length === 0) return title
  const labels = ignores.map(name => labelOf(name))
  const last = labels.pop()
  const named = labels.length === 0 ? last : `${labels.join(', ')} and ${last}`
  return `${title} (${named} ${ignores.length === 1 ? 'does' : 'do'} not apply)`
}

/** A link that keeps the time range and the filters. */
function headerLink(name: string, title: string): DashboardLink {
  return withoutPlacement(
    new DashboardLinkBuilder(title)
      .type(DashboardLinkType.Link)
      .url(`/d/${tag}-${name}`)
      .icon('dashboard')
      .keepTime(true)
      .includeVars(true)
      .build(),
  )
}

/** The SDK's default placement hides links and switches in a menu. Without a placement they are visible. */
function withoutPlacement<T extends { placement?: unknown }>({
  placement,
  ...rest
}: T): Omit<T, 'placement'> {
  return rest
}

function inPlainSight(query: AnnotationQueryBuilder): Builder<AnnotationQuery> {
  return { build: () => withoutPlacement(query.build()) }
}

/** Marks in all panels: when a load test ran, and when an alert began to fire. */
const loadTests = new AnnotationQueryBuilder()
  .name('Load tests')
  .datasource(dataSources.prometheus)
  .enable(true)
  .iconColor('blue')
  .expr(`count by (testid) (${k6Metrics.vus}{testid!="background"})`)
  .titleFormat('Load test {{testid}}')
  .step(`${scrapeIntervalS}s`)
const firing = `${scrapeMetrics.alerts}{alertstate="firing"}`
const alerts = new AnnotationQueryBuilder()
  .name('Alerts')
  .datasource(dataSources.prometheus)
  .enable(true)
  .iconColor('red')
  // Only the moment when it began to fire: marking the whole time would cover the data in red.
  .expr(`${firing} unless ${firing} offset ${scrapeIntervalS}s`)
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

/** TraceQL that matches no request: the answer is an empty list. For an empty id Tempo would answer with an error. */
const noTrace = '{ false }'

export function labelOf(name: Variable): string {
  return name === 'trace' ? 'Trace id' : sources[name].label
}

function variable(name: Variable): Builder<VariableModel> {
  if (name === 'trace') {
    return new TextBoxVariableBuilder(name)
      .label(labelOf(name))
      .defaultValue(noTrace)
      .current({ selected: true, text: noTrace, value: noTrace })
  }
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

/**
 * Numbers the panels and rows. Without numbers in the file, Grafana would number them when it loads it, and links to
 * one panel would not stay the same.
 */
function complete(dashboard: Dashboard): Dashboard {
  let id = 0
  const withId = <P extends Panel | RowPanel>(panel: P): P => {
    id += 1
    if (panel.type !== 'row') return { ...panel, id, pluginVersion: grafanaVersion }
    const numbered = { ...panel, id }
    return 'panels' in panel ? { ...numbered, panels: panel.panels?.map(withId) } : numbered
  }
  return { ...dashboard, panels: dashboard.panels?.map(withId) ?? [] }
}
