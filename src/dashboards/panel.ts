import { PanelBuilder as BarGaugeBuilder } from '@grafana/grafana-foundation-sdk/bargauge'
import type { Builder, Dataquery } from '@grafana/grafana-foundation-sdk/cog'
import {
  BarGaugeDisplayMode,
  BarGaugeNamePlacement,
  BigValueColorMode,
  BigValueGraphMode,
  BigValueJustifyMode,
  BigValueTextMode,
  GraphThresholdsStyleConfigBuilder,
  GraphThresholdsStyleMode,
  LegendDisplayMode,
  LegendPlacement,
  ReduceDataOptionsBuilder,
  ScaleDistribution,
  ScaleDistributionConfigBuilder,
  SortOrder,
  StackingConfigBuilder,
  StackingMode,
  TooltipDisplayMode,
  VisibilityMode,
  VizLegendOptionsBuilder,
  VizOrientation,
  VizTextDisplayOptionsBuilder,
  VizTooltipOptionsBuilder,
} from '@grafana/grafana-foundation-sdk/common'
import {
  type DashboardLink,
  DashboardLinkBuilder,
  type DynamicConfigValue,
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
import { colorsFor, limitColor, stateColors } from './palette.ts'

/** One query of a panel: PromQL, and the names of its series in the legend. */
export interface Query {
  expr: string
  /** A name of the palette, `{{label}}`, or a text with a label whose values are not known in advance. */
  legend: string
  /** Also fetch the exemplars of this histogram: points that lead to a trace. */
  exemplars?: boolean
  /** A constant to compare with: drawn as a dashed grey line. */
  isLimit?: boolean
}

/** Grafana's units that we use: seconds and bytes scale themselves (5e-6 s reads `5 µs`). */
export type Unit =
  | 's'
  | 'bytes'
  | 'percentunit'
  | 'reqps'
  | 'ops'
  | 'rowsps'
  | 'short'
  | 'cores'
  | 'times'
  | 'ago'
export const grafanaUnits: Record<Unit, string> = {
  s: 's',
  bytes: 'bytes',
  percentunit: 'percentunit',
  reqps: 'reqps',
  ops: 'ops',
  rowsps: 'suffix:rows/s',
  short: 'short',
  cores: 'suffix:cores',
  times: 'suffix:times',
  ago: 'dateTimeFromNow',
}

/** The lowest end of an axis. If all values are zero, Grafana would otherwise choose an end up to 10,000 %. */
const softMaxima: Record<Unit, number | undefined> = {
  s: 0.001,
  bytes: undefined,
  percentunit: 0.01,
  reqps: 1,
  ops: 1,
  rowsps: 1,
  short: 1,
  cores: 0.1,
  times: 1,
  ago: undefined,
}

/**
 * What every panel must say. Many readers are in a hurry: the title is the question that the panel answers or the
 * beginning of the answer. The description says how to read it and what to do when it looks bad.
 */
export interface PanelSpec {
  /** Short enough for its width (a test checks it); on a stat at most 22 characters. */
  title: string
  description: string
  unit: Unit
  queries: readonly [Query, ...Query[]]
  /** Width in the grid's 24 columns; the widths of a line of panels add up to 24. */
  span: number
  height?: number
  /** From `warnAt` on a value has the colour of a warning, from `limitAt` on the colour of a limit. */
  warnAt?: number
  limitAt?: number
  max?: number
  decimals?: number
  /** Shown instead of "No data", if it is normal to have none. */
  emptyMeans?: string
  /** Name of the board that tells more. */
  leadsTo?: string
}

export type PanelBuilder = Builder<Panel>

export interface TimeSeriesSpec extends PanelSpec {
  /** The parts add up to a meaningful whole. */
  stacked?: boolean
  /**
   * Logarithmic where the series differ by orders of magnitude. `symlog` also shows zero; below its threshold of 1 it
   * is linear.
   */
  scale?: 'log' | 'symlog'
  /**
   * Below the lines, Grafana gives a legend a third of the height: a list has room for eight names, a table for three.
   * A table is for long names. `right` shows a whole table beside the lines, sorted by the mean, if there is room.
   */
  legend?: 'list' | 'table' | 'right'
}

/** The figures of each series in a legend. */
const calculations = {
  list: ['lastNotNull'],
  table: ['lastNotNull', 'max'],
  right: ['mean', 'lastNotNull'],
} as const satisfies Record<NonNullable<TimeSeriesSpec['legend']>, readonly string[]>

/** Lines over time. */
export function timeSeries(spec: TimeSeriesSpec): PanelBuilder {
  const { legend: place = 'list' } = spec
  const legend = new VizLegendOptionsBuilder()
    .displayMode(place === 'list' ? LegendDisplayMode.List : LegendDisplayMode.Table)
    .placement(place === 'right' ? LegendPlacement.Right : LegendPlacement.Bottom)
    .showLegend(true)
    .calcs([...calculations[place]])
  if (place === 'right')
    legend
      .sortBy('Mean')
      .sortDesc(true)
      .width(spec.span === 24 ? 460 : 330)
  const panel = new TimeSeriesBuilder()
    .lineWidth(spec.stacked ? 0 : 1)
    // Areas of many lines hide each other; only parts of a whole are filled.
    .fillOpacity(spec.stacked ? 70 : 0)
    .showPoints(VisibilityMode.Never)
    // Draws over a gap of one or two scrapes, which a worker leaves that restarts. A longer gap is shown. In ms.
    .spanNulls(15_000)
    .legend(legend)
    .tooltip(new VizTooltipOptionsBuilder().mode(TooltipDisplayMode.Multi).sort(SortOrder.Descending))
  const softMax = softMaxima[spec.unit]
  if (spec.scale === undefined) {
    panel.min(0)
    if (softMax !== undefined && spec.max === undefined) panel.axisSoftMax(softMax)
  } else {
    panel.scaleDistribution(scale(spec.scale, spec.unit === 'bytes' ? 2 : 10))
  }
  if (spec.limitAt !== undefined) {
    panel.thresholdsStyle(new GraphThresholdsStyleConfigBuilder().mode(GraphThresholdsStyleMode.Dashed))
  }
  if (spec.stacked) panel.stacking(new StackingConfigBuilder().mode(StackingMode.Normal))
  spec.queries.forEach((query, index) => {
    if (query.isLimit) {
      panel.overrideByQuery(refId(index), [
        fixedColor(limitColor),
        { id: 'custom.lineStyle', value: { fill: 'dash', dash: [8, 6] } },
        { id: 'custom.lineWidth', value: 1 },
        { id: 'custom.fillOpacity', value: 0 },
        { id: 'custom.stacking', value: { mode: 'none' } },
      ])
    }
  })
  return common(panel, spec, 8)
}

/** @param base the ticks are its powers: 2 for bytes, which are shown in KiB and MiB. */
export function scale(kind: 'log' | 'symlog', base: 2 | 10 = 10): ScaleDistributionConfigBuilder {
  const built = new ScaleDistributionConfigBuilder().log(base)
  return kind === 'log'
    ? built.type(ScaleDistribution.Log)
    : built.type(ScaleDistribution.Symlog).linearThreshold(1)
}

/**
 * The current value as a big number. It asks only for the newest value: with a range query Grafana would show an old
 * value until it leaves the range.
 * @param spec.shows the value alone, or also its name if the name is the answer.
 * @param spec.textSize of value and name, in pixels, for long texts. By default Grafana fills the panel.
 */
export function stat(
  spec: PanelSpec & { shows?: 'value' | 'both'; color?: string; textSize?: number },
): PanelBuilder {
  const { shows = 'value', color, textSize } = spec
  const isColored = spec.limitAt !== undefined || color !== undefined
  const panel = new StatBuilder()
    .graphMode(BigValueGraphMode.None)
    .justifyMode(BigValueJustifyMode.Center)
    .textMode(shows === 'both' ? BigValueTextMode.ValueAndName : BigValueTextMode.Value)
    .colorMode(isColored ? BigValueColorMode.Value : BigValueColorMode.None)
    .reduceOptions(new ReduceDataOptionsBuilder().calcs(['lastNotNull']))
  if (textSize !== undefined) {
    panel.text(new VizTextDisplayOptionsBuilder().titleSize(textSize).valueSize(textSize))
  }
  return common(panel, spec, 4, { instant: true, color })
}

/** The current value of each series as a horizontal bar, to compare values of one kind at a glance. */
export function bars(spec: PanelSpec): PanelBuilder {
  const panel = new BarGaugeBuilder()
    .min(0)
    .orientation(VizOrientation.Horizontal)
    .displayMode(BarGaugeDisplayMode.Basic)
    .namePlacement(BarGaugeNamePlacement.Left)
    .maxVizHeight(36)
    // Small enough for the names of resources beside their bars.
    .text(new VizTextDisplayOptionsBuilder().titleSize(10))
    .showUnfilled(spec.max !== undefined)
    .reduceOptions(new ReduceDataOptionsBuilder().calcs(['lastNotNull']))
  return common(panel, spec, 8, { instant: true })
}

/** A histogram over time, one column per interval, of one `buckets()` query. The colour is a count. */
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
      .cellValues(new heatmaps.CellValuesBuilder().unit('short').decimals(0))
      .yAxis(new heatmaps.YAxisConfigBuilder().unit(grafanaUnits[spec.unit]))
      .showLegend(),
    spec,
    8,
    { format: PromQueryFormat.Heatmap, unit: 'short' },
  )
}

/** What the SDK's panel builders have in common. The SDK itself declares no such type. */
export interface AnyPanelBuilder extends PanelBuilder {
  title(title: string): this
  description(description: string): this
  datasource(source: { type: string; uid: string }): this
  unit(unit: string): this
  max(max: number): this
  decimals(decimals: number): this
  noValue(text: string): this
  span(columns: number): this
  height(rows: number): this
  links(links: Builder<DashboardLink>[]): this
  dataLinks(links: Builder<DashboardLink>[]): this
  thresholds(thresholds: ThresholdsConfigBuilder): this
  colorScheme(color: FieldColorBuilder): this
  overrideByName(name: string, properties: DynamicConfigValue[]): this
  targets(targets: Builder<Dataquery>[]): this
}

/** Gives a panel the parts of its specification that all kinds of panels share. */
export function common<P extends AnyPanelBuilder>(
  panel: P,
  spec: PanelSpec,
  defaultHeight: number,
  options: { format?: PromQueryFormat; instant?: boolean; unit?: string; color?: string | undefined } = {},
): P {
  const { format = PromQueryFormat.TimeSeries, instant = false } = options
  const byState = spec.limitAt !== undefined && !(panel instanceof TimeSeriesBuilder)
  const color = new FieldColorBuilder()
  if (byState) color.mode(FieldColorModeId.Thresholds)
  else if (options.color !== undefined) color.mode(FieldColorModeId.Fixed).fixedColor(options.color)
  else color.mode(FieldColorModeId.PaletteClassicByName)
  panel
    .title(spec.title)
    .description(spec.description)
    .datasource(dataSources.prometheus)
    .unit(options.unit ?? grafanaUnits[spec.unit])
    .span(spec.span)
    .height(spec.height ?? defaultHeight)
    .colorScheme(color)
    .thresholds(thresholds(spec))
    .targets(spec.queries.map((query, index) => target(query, index, format, instant)))
  if (!byState && options.color === undefined) {
    const named = spec.queries.filter(query => !query.isLimit).flatMap(({ legend }) => colorsFor(legend))
    for (const [name, fixed] of named) panel.overrideByName(name, [fixedColor(fixed)])
  }
  if (spec.max !== undefined) panel.max(spec.max)
  if (spec.decimals !== undefined) panel.decimals(spec.decimals)
  if (spec.emptyMeans !== undefined) panel.noValue(spec.emptyMeans)
  if (spec.leadsTo !== undefined) panel.dataLinks([linkTo(spec.leadsTo, 'Tell me more')])
  return panel
}

/** A link to another of our boards that keeps the time range and the filters. */
export function linkTo(board: string, title: string): DashboardLinkBuilder {
  return new DashboardLinkBuilder(title).url(`/d/insertlab-${board}?\${__url_time_range}&\${__all_variables}`)
}

export function fixedColor(color: string): DynamicConfigValue {
  return { id: 'color', value: { mode: 'fixed', fixedColor: color } }
}

function thresholds({ warnAt, limitAt }: PanelSpec): ThresholdsConfigBuilder {
  return new ThresholdsConfigBuilder()
    .mode(ThresholdsMode.Absolute)
    .steps([
      { value: null, color: stateColors.good },
      ...(warnAt === undefined ? [] : [{ value: warnAt, color: stateColors.warning }]),
      ...(limitAt === undefined ? [] : [{ value: limitAt, color: stateColors.limit }]),
    ])
}

/** The name of a panel's query, by its index. */
export const refId = (index: number) => String.fromCharCode('A'.charCodeAt(0) + index)

function target(query: Query, index: number, format: PromQueryFormat, instant: boolean): DataqueryBuilder {
  const built = new DataqueryBuilder()
    .refId(refId(index))
    .datasource(dataSources.prometheus)
    .expr(query.expr)
    .legendFormat(query.legend)
    .format(format)
  if (instant) built.instant()
  else built.range()
  if (query.exemplars) built.exemplar(true)
  return built
}
