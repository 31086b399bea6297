import { readdirSync, readFileSync } from 'node:fs'
import { parse } from 'yaml'
import * as foreign from '../../src/dashboards/foreign-metrics.ts'
import { metricNames } from '../../src/telemetry/metric-names.ts'

const rulesFolder = new URL('../../prometheus/rules/', import.meta.url)

export interface Rule {
  record?: string
  alert?: string
  expr: string
  labels?: Record<string, string>
  annotations?: { summary: string; description: string }
}

/** Every rule of prometheus/rules. */
export const rules: readonly Rule[] = readdirSync(rulesFolder).flatMap(file =>
  parse(readFileSync(new URL(file, rulesFolder), 'utf8')).groups.flatMap(
    (group: { rules: Rule[] }) => group.rules,
  ),
)

/** Every series name that the service exports. */
export const serviceMetrics: readonly string[] = Object.values(metricNames).flatMap(name => [
  name,
  `${name}_bucket`,
  `${name}_sum`,
  `${name}_count`,
])

/** Every series name that a query may read: exported in our code, listed as foreign, or recorded by a rule. */
export const knownMetrics: readonly string[] = [
  ...serviceMetrics,
  ...Object.values(foreign).flatMap(names => Object.values(names)),
  ...rules.flatMap(({ record }) => record ?? []),
]
