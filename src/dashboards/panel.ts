import { PanelBuilder as BarGaugeBuilder } from '@grafana/grafana-foundation-sdk/bargauge'
import type { Builder, Dataquery } from '@grafana/grafana-foundation-sdk/cog'
import {
  BigValueColorMode,
  BigValueGraphMode,
  BigValueTextMode,
  GraphThresholdsStyleConfigBuilder,
  GraphThresholdsStyleMode,
  LegendDisplayMode,
  LegendPlacement,
  ReduceDataOptionsBuilder,
  SortOrder,
  StackingConfigBuilder,
  StackingMode,
  TooltipDisplayMode,
  VisibilityMode,
  VizLegendOptionsBuilder,
  VizOrientation,
  VizTooltipOptionsBuilder,
} from '@grafana/grafana-foundation-sdk/common'
import {
  FieldColorBuilder,
  FieldColorModeId,
  type Panel,
  ThresholdsConfigBuilder,
  ThresholdsMode,
} from '@grafana/grafana-foundation-sdk/dashboard'
import * as heatmaps from '@grafana/grafana-foundation-sdk/heatmap'
import { DataqueryBuilder, PromQueryFormat } from '@grafana/grafana-foundation-sdk/prometheus'
import { PanelBuilder as StatBuilder } from '@grafana/grafana-foundation-sdk/stat'
import { PanelBuilder as TimeSeriesBuilder } from '@grafana/grafana-foundation-sdk/timeseries'
import { dataSources } from './datasources.ts'

/** One query of a panel: PromQL, and how its series are called in the legend. */
export interface Query {
  expr: string
  legend: string
  /** Also fetch the exemplars of this histogram: points that lead to a trace. */
  exemplars?: boolean
  /** Only the newest value: for panels that show no past, so that a series that ended is not shown as present. */
  instant?: boolean
}

/** Grafana's units that we use: seconds and bytes scale themselves (5e-6 s reads `5 µs`). */
export type Unit = 's' | 'bytes' | 'percentunit' | 'reqps' | 'ops' | 'rowsps' | 'short' | 'cores'
const grafanaUnits: Record<Unit, string> = {
  s: 's',
  bytes: 'bytes',
  percentunit: 'percentunit',
  reqps: 'reqps',
  ops: 'ops',
  rowsps: 'suffix: rows/s',
  short: 'short',
  cores: 'suffix: cores',
}

/**
 * What every panel must say. A reader meets the panel under pressure: the title is the question it answers, the
 * description tells how to read it and what to do when it looks bad.
 */
export interface PanelSpec {
  title: `${string}?`
  description: string
  unit: Unit
  queries: readonly [Query, ...Query[]]
  /** Width in the grid's 24 columns; the widths of a line of panels add up to 24. */
  span: 4 | 6 | 8 | 12 | 16 | 24
  height?: number
  /** From this value on it is a warning, from that on it is the limit: coloured so. */
  warnAt?: number
  limitAt?: number
  max?: number
  /** Shown instead of "No data", where having none is a normal state of some machines. */
  emptyMeans?: string
}

export type PanelBuilder = Builder<Panel>

/** Lines over time; `stacked` where the parts add up to a meaningful whole. */
export function timeSeries(spec: PanelSpec & { stacked?: boolean }): PanelBuilder {
  const panel = new TimeSeriesBuilder()
    .min(0)
    .lineWidth(1)
    .fillOpacity(spec.stacked ? 60 : 8)
    .showPoints(VisibilityMode.Never)
    // A worker that restarted leaves a gap of a scrape or two; a longer one shows as what it is.
    .spanNulls(15_000)
    .legend(
      new VizLegendOptionsBuilder()
        .displayMode(LegendDisplayMode.Table)
        .placement(LegendPlacement.Bottom)
        .showLegend(true)
        .calcs(['lastNotNull', 'max']),
    )
    .tooltip(new VizTooltipOptionsBuilder().mode(TooltipDisplayMode.Multi).sort(SortOrder.Descending))
  if (spec.limitAt !== undefined) {
    panel.thresholdsStyle(new GraphThresholdsStyleConfigBuilder().mode(GraphThresholdsStyleMode.Dashed))
  }
  if (spec.stacked) panel.stacking(new StackingConfigBuilder().mode(StackingMode.Normal))
  return common(panel, spec, 8)
}

/** The last value as a big number over a faint line of its past; `named` where the series' name is the answer. */
export function stat(spec: PanelSpec & { named?: boolean }): PanelBuilder {
  return common(
    new StatBuilder()
      .graphMode(spec.named ? BigValueGraphMode.None : BigValueGraphMode.Area)
      .textMode(spec.named ? BigValueTextMode.ValueAndName : BigValueTextMode.Value)
      .colorMode(spec.limitAt === undefined ? BigValueColorMode.None : BigValueColorMode.Value)
      .reduceOptions(new ReduceDataOptionsBuilder().calcs(['lastNotNull'])),
    spec,
    4,
  )
}

/** The last value of each series as a horizontal bar: for comparing like with like at one glance. */
export function bars(spec: PanelSpec): PanelBuilder {
  return common(
    new BarGaugeBuilder()
      .min(0)
      .orientation(VizOrientation.Horizontal)
      .reduceOptions(new ReduceDataOptionsBuilder().calcs(['lastNotNull'])),
    spec,
    8,
  )
}

/** A histogram over time, one column an interval; made for one `buckets()` query. */
export function heatmap(spec: PanelSpec): PanelBuilder {
  return common(
    new heatmaps.PanelBuilder()
      .calculate(false)
      .color(
        new heatmaps.HeatmapColorOptionsBuilder()
          .mode(heatmaps.HeatmapColorMode.Scheme)
          .scheme('Oranges')
          .scale(heatmaps.HeatmapColorScale.Exponential)
          .exponent(0.5)
          .steps(64),
      )
      .cellGap(1)
      .yAxis(new heatmaps.YAxisConfigBuilder().unit(grafanaUnits[spec.unit]))
      .showLegend(),
    spec,
    8,
    PromQueryFormat.Heatmap,
  )
}

/** What the SDK's panel builders have in common; it declares no such type of its own. */
interface AnyPanelBuilder extends PanelBuilder {
  title(title: string): this
  description(description: string): this
  datasource(source: { type: string; uid: string }): this
  unit(unit: string): this
  max(max: number): this
  noValue(text: string): this
  span(columns: number): this
  height(rows: number): this
  thresholds(thresholds: ThresholdsConfigBuilder): this
  colorScheme(color: FieldColorBuilder): this
  targets(targets: Builder<Dataquery>[]): this
}

function common(
  panel: AnyPanelBuilder,
  spec: PanelSpec,
  defaultHeight: number,
  format: PromQueryFormat = PromQueryFormat.TimeSeries,
): PanelBuilder {
  panel
    .title(spec.title)
    .description(spec.description)
    .datasource(dataSources.prometheus)
    .unit(grafanaUnits[spec.unit])
    .span(spec.span)
    .height(spec.height ?? defaultHeight)
    .colorScheme(
      new FieldColorBuilder().mode(
        spec.limitAt === undefined || panel instanceof TimeSeriesBuilder
          ? FieldColorModeId.PaletteClassic
          : FieldColorModeId.Thresholds,
      ),
    )
    .thresholds(thresholds(spec))
    .targets(spec.queries.map((query, index) => target(query, index, format)))
  if (spec.max !== undefined) panel.max(spec.max)
  if (spec.emptyMeans !== undefined) panel.noValue(spec.emptyMeans)
  return panel
}

function thresholds({ warnAt, limitAt }: PanelSpec): ThresholdsConfigBuilder {
  return new ThresholdsConfigBuilder()
    .mode(ThresholdsMode.Absolute)
    .steps([
      { value: null, color: 'green' },
      ...(warnAt === undefined ? [] : [{ value: warnAt, color: 'orange' }]),
      ...(limitAt === undefined ? [] : [{ value: limitAt, color: 'red' }]),
    ])
}

function target(query: Query, index: number, format: PromQueryFormat): DataqueryBuilder {
  const built = new DataqueryBuilder()
    .refId(String.fromCharCode('A'.charCodeAt(0) + index))
    .datasource(dataSources.prometheus)
    .expr(query.expr)
    .legendFormat(query.legend)
    .format(format)
  if (query.instant) built.instant()
  else built.range()
  if (query.exemplars) built.exemplar(true)
  return built
}
