import type { Figure, Sample } from '../results.ts'

/** A figure that every sample has a place for, by the name that assertions and comparisons use. */
export interface Metric {
  /** Unit in the name, as in `results.json`. */
  readonly name: string
  readonly unit: string
  readonly better: 'higher' | 'lower'
  /** How it moves where the same work takes more CPU: 1 up, -1 down, 0 not of itself. */
  readonly withSlowerMachine: 1 | -1 | 0
  /** null: it could not be measured. */
  read(sample: Sample): Figure | null
}

export const metrics = [
  metric('throughput', 'requests/s', 'higher', -1, ({ throughputPerS }) => throughputPerS),
  metric('p50Ms', 'ms', 'lower', 1, ({ latencyMs }) => latencyMs.p50),
  metric('p90Ms', 'ms', 'lower', 1, ({ latencyMs }) => latencyMs.p90),
  metric('p99Ms', 'ms', 'lower', 1, ({ latencyMs }) => latencyMs.p99),
  metric('maxMs', 'ms', 'lower', 1, ({ latencyMs }) => latencyMs.max),
  metric('cpuPerRequestUs', 'us', 'lower', 1, ({ cpuPerRequestUs }) => cpuPerRequestUs.api),
  metric('databaseCpuPerRequestUs', 'us', 'lower', 1, ({ cpuPerRequestUs }) => cpuPerRequestUs.database),
  metric('generatorCpuPerRequestUs', 'us', 'lower', 1, ({ cpuPerRequestUs }) => cpuPerRequestUs.generator),
  metric('errors', 'of all requests', 'lower', 0, ({ errors }) => errors.ratio),
  metric('dropped', 'arrivals', 'lower', 0, ({ errors }) => errors.dropped),
] as const satisfies Metric[]

function metric<Name extends string>(
  name: Name,
  unit: string,
  better: Metric['better'],
  withSlowerMachine: Metric['withSlowerMachine'],
  read: Metric['read'],
) {
  return { name, unit, better, withSlowerMachine, read }
}
