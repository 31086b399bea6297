import { parser } from '@prometheus-io/lezer-promql'

/** The values that Grafana puts in for a dashboard's variables: everything, over a window of a minute. */
export function filled(expr: string): string {
  return expr
    .replaceAll('$__rate_interval', '1m')
    .replaceAll('$__interval', '15s')
    .replaceAll('$__range', '5m')
    .replaceAll(/\$(instance|route|strategy|testid)\b/g, '.*')
}

/** Names of the metrics that a query reads. Throws where the query is not PromQL. */
export function metricsOf(expr: string): string[] {
  return [...new Set(selectorsOf(expr).map(({ metric }) => metric))].sort()
}

/** What a query selects, by Prometheus' own grammar: each metric, and its text with the label matchers. */
export function selectorsOf(expr: string): { metric: string; selector: string }[] {
  const source = filled(expr)
  const selectors: { metric: string; selector: string }[] = []
  parser.parse(source).iterate({
    enter({ name, type, from, to, node }) {
      if (type.isError) throw new Error(`not PromQL at character ${from}: ${source}`)
      const { parent } = node
      if (name !== 'Identifier' || parent?.name !== 'VectorSelector') return
      selectors.push({ metric: source.slice(from, to), selector: source.slice(parent.from, parent.to) })
    },
  })
  return selectors
}

/** A histogram's three series count as the histogram. */
export function family(metric: string): string {
  return metric.replace(/_(bucket|sum|count)$/, '')
}
