import type { Figure, Sample } from '../results.ts'

/** A figure that every sample has a place for, by the name that assertions and comparisons use. */
export interface Metric {
  /** Unit in the name, as in `results.json`. */
  readonly name: string
  readonly unit: string
  readonly better: 'higher' | 'lower'
  /** null: it could not be measured. */
  read(sample: Sample): Figure | null
}

export const metrics = [
  metric('throughput', 'requests/s', 'higher', ({ throughputPerS }) => throughputPerS),
  metric('p50Ms', 'ms', 'lower', ({ latencyMs }) => latencyMs.p50),
  metric('p90Ms', 'ms', 'lower', ({ latencyMs }) => latencyMs.p90),
  metric('p99Ms', 'ms', 'lower', ({ latencyMs }) => latencyMs.p99),
  metric('maxMs', 'ms', 'lower', ({ latencyMs }) => latencyMs.max),
  metric('cpuPerRequestUs', 'us', 'lower', ({ cpuPerRequestUs }) => cpuPerRequestUs.api),
  metric('databaseCpuPerRequestUs', 'us', 'lower', ({ cpuPerRequestUs }) => cpuPerRequestUs.database),
  metric('generatorCpuPerRequestUs', 'us', 'lower', ({ cpuPerRequestUs }) => cpuPerRequestUs.generator),
  metric('errors', 'of all requests', 'lower', ({ errors }) => errors.ratio),
  metric('dropped', 'arrivals', 'lower', ({ errors }) => errors.dropped),
] as const satisfies Metric[]

export type MetricName = (typeof metrics)[number]['name']

function metric<Name extends string>(
  name: Name,
  unit: string,
  better: Metric['better'],
  read: Metric['read'],
) {
  return { name, unit, better, read }
}
