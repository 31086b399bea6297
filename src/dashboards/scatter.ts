import {
  LegendDisplayMode,
  LegendPlacement,
  TooltipDisplayMode,
  VizLegendOptionsBuilder,
  VizTooltipOptionsBuilder,
} from '@grafana/grafana-foundation-sdk/common'
import {
  MatcherConfigBuilder,
  SeriesMapping,
  XYSeriesConfigBuilder,
  XYShowMode,
  PanelBuilder as XyChartBuilder,
} from '@grafana/grafana-foundation-sdk/xychart'
import { colorsFor } from './palette.ts'
import {
  common,
  fixedColor,
  grafanaUnits,
  type PanelBuilder,
  type PanelSpec,
  scale,
  type Unit,
} from './panel.ts'

/** One axis: a query whose series have the label, and the name and unit of its values. */
interface Axis {
  expr: string
  name: string
  unit: Unit
}

/**
 * One quantity against another: one point per interval, both axes logarithmic, one colour for each value of `label`.
 * `label` must be one of the palette's groups, because the chart must know its series in advance.
 */
export function scatter(
  spec: Omit<PanelSpec, 'queries' | 'unit'> & { label: string; x: Axis; y: Axis },
): PanelBuilder {
  const { label, x, y } = spec
  const seriesNames = colorsFor(`{{${label}}}`)
  const fieldOf = (axis: Axis, name: string) => `${axis.name} ${name}`
  const byName = (name: string) => ({
    matcher: new MatcherConfigBuilder().id('byName').options(name).build(),
  })
  const panel = new XyChartBuilder()
    .mapping(SeriesMapping.Manual)
    .show(XYShowMode.Points)
    .pointSize({ fixed: 6 })
    .scaleDistribution(scale('log'))
    .axisLabel(y.name)
    .legend(
      new VizLegendOptionsBuilder()
        .displayMode(LegendDisplayMode.List)
        .placement(LegendPlacement.Bottom)
        .showLegend(true),
    )
    .tooltip(new VizTooltipOptionsBuilder().mode(TooltipDisplayMode.Single))
    .series(
      seriesNames.map(([name]) =>
        new XYSeriesConfigBuilder()
          .name({ fixed: name })
          .frame({ matcher: new MatcherConfigBuilder().id('byIndex').options(0).build() })
          .x(byName(fieldOf(x, name)))
          .y(byName(fieldOf(y, name))),
      ),
    )
    .withTransformation({ id: 'joinByField', options: { byField: 'Time', mode: 'outer' } })
  for (const [name, color] of seriesNames) {
    panel.overrideByName(fieldOf(y, name), [fixedColor(color)])
    panel.overrideByName(fieldOf(x, name), [
      { id: 'unit', value: grafanaUnits[x.unit] },
      { id: 'custom.axisLabel', value: x.name },
    ])
  }
  const queries = [
    { expr: y.expr, legend: `${y.name} {{${label}}}` },
    { expr: x.expr, legend: `${x.name} {{${label}}}` },
  ] as const
  return common(panel, { ...spec, unit: y.unit, queries }, 9)
}
