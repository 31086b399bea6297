import { describe, expect, test } from 'vitest'
import { knownMetrics, rules } from '../dashboards/known-metrics.ts'
import { metricsOf } from '../dashboards/promql.ts'

const named = rules.map(rule => ({ name: rule.record ?? rule.alert, rule }))

describe.each(named)('$name', ({ rule }) => {
  test('reads only metrics that exist', () => {
    const metrics = metricsOf(rule.expr)
    expect(metrics.length).toBeGreaterThan(0)
    for (const metric of metrics) expect(knownMetrics).toContain(metric)
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
  expect(() => metricsOf('sum(rate(up[1m])')).toThrow('not PromQL')
})
