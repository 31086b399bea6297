import { PanelBuilder } from '@grafana/grafana-foundation-sdk/dashboard'
import { DataqueryBuilder } from '@grafana/grafana-foundation-sdk/grafanapyroscope'
import { dataSources } from './datasources.ts'
import type { PanelSpec, PanelBuilder as SomePanel } from './panel.ts'

/** What Pyroscope names a profile of CPU that deploy/docker/profiler.ts sends. Its values are in nanoseconds. */
const cpuProfile = 'process_cpu:cpu:nanoseconds:cpu:nanoseconds'

/** CPU by call stack in the time range, of the service's profiles in Pyroscope. It needs no unit. */
export function flameGraph(spec: Pick<PanelSpec, 'title' | 'description' | 'span' | 'height'>): SomePanel {
  return new PanelBuilder()
    .type('flamegraph')
    .title(spec.title)
    .description(spec.description)
    .datasource(dataSources.pyroscope)
    .span(spec.span)
    .height(spec.height ?? 18)
    .targets([
      new DataqueryBuilder()
        .refId('A')
        .datasource(dataSources.pyroscope)
        .queryType('profile')
        .profileTypeId(cpuProfile)
        .labelSelector('{service_name="insertlab"}')
        .groupBy([]),
    ])
}
