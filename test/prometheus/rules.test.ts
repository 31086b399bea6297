import { describe, expect, test } from 'vitest'
import { knownMetrics, rules, serviceMetrics } from '../dashboards/known-metrics.ts'
import { metricsOf, selectorsOf } from '../dashboards/promql.ts'

const named = rules.map(rule => ({ name: rule.record ?? rule.alert, rule }))

describe.each(named)('$name', ({ rule }) => {
  test('reads only metrics that exist', () => {
    const metrics = metricsOf(rule.expr)
    expect(metrics.length).toBeGreaterThan(0)
    for (const metric of metrics) expect(knownMetrics).toContain(metric)
  })

  test('reads metrics of the service from the service only, not from others in the same Prometheus', () => {
    for (const { metric, selector } of selectorsOf(rule.expr)) {
      if (serviceMetrics.includes(metric)) expect(selector).toContain('job="service"')
    }
  })
})

describe.each(named.filter(({ rule }) => rule.alert))('$name', ({ rule }) => {
  test('says what is wrong, with the figure or the culprit, what to do, and how urgent it is', () => {
    expect(rule.annotations?.summary).toMatch(/\{\{/)
    expect(rule.annotations?.description.length).toBeGreaterThan(20)
    expect(['page', 'ticket']).toContain(rule.labels?.['severity'])
  })
})

test('names that do not exist are noticed', () => {
  expect(metricsOf('sum by (le) (rate(no_such_metric_bucket{a="b"}[1m])) / up')).toEqual([
    'no_such_metric_bucket',
    'up',
  ])
  expect(knownMetrics).not.toContain('no_such_metric_bucket')
  expect(selectorsOf('a{job="b"} / rate(c[1m])')).toEqual([
    { metric: 'a', selector: 'a{job="b"}' },
    { metric: 'c', selector: 'c' },
  ])
  expect(() => metricsOf('sum(rate(up[1m])')).toThrow('not PromQL')
})
