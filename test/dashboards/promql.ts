import { parser } from '@prometheus-io/lezer-promql'

/** The values that Grafana puts in for a dashboard's variables: everything, over a window of a minute. */
export function filled(expr: string): string {
  return expr
    .replaceAll('$__rate_interval', '1m')
    .replaceAll('$__interval', '15s')
    .replaceAll('$__range', '5m')
    .replaceAll(/\$(instance|route|strategy|testid)\b/g, '.*')
}

/** Names of the metrics that a query reads, by Prometheus' own grammar. Throws where the query is not PromQL. */
export function metricsOf(expr: string): string[] {
  const source = filled(expr)
  const names = new Set<string>()
  parser.parse(source).iterate({
    enter({ name, type, from, to, node }) {
      if (type.isError) throw new Error(`not PromQL at character ${from}: ${source}`)
      if (name === 'Identifier' && node.parent?.name === 'VectorSelector') names.add(source.slice(from, to))
    },
  })
  return [...names].sort()
}

/** A histogram's three series count as the histogram. */
export function family(metric: string): string {
  return metric.replace(/_(bucket|sum|count)$/, '')
}
