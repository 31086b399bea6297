import type { Sample } from '../results.ts'
import { concludeAgainstControl } from './against-control.ts'
import { type Conclusion, closed, type Experiment, find, type Step } from './experiment.ts'

const connections = 64
const strategies = ['prepared', 'batched']

/** What is set against a service with telemetry off. */
const levels: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  ledger: { TELEMETRY: 'ledger' },
  metrics: { TELEMETRY: 'metrics' },
  'full, 1 % traced': { TELEMETRY: 'full', OTEL_TRACES_SAMPLER_ARG: '0.01' },
  'full, 100 % traced': { TELEMETRY: 'full', OTEL_TRACES_SAMPLER_ARG: '1' },
  'auto-instrumentation, 100 % traced': {
    TELEMETRY: 'off',
    OTEL_TRACES_SAMPLER_ARG: '1',
    NODE_OPTIONS: '--import ./deploy/peers/auto-instrumented/register.mjs',
  },
}

/**
 * The price of telemetry in the setting that users have: the service shares the cores with PostgreSQL and the load
 * generator. The price is a few percent, which is less than the pace of a shared machine changes within seconds, so
 * each level is measured in windows that alternate with those of a service with telemetry off.
 */
export const observabilityPrice: Experiment = {
  name: 'observability-price',
  question: 'How much CPU and throughput does telemetry cost my inserts, at each level?',
  hypothesis:
    'The ledger costs at most 3 %. Everything with 1 % of the requests traced costs at most 10 % of a prepared insert ' +
    'and 25 % of a batched one. The usual automatic instrumentation costs several times the insert itself.',
  varies: 'telemetry level, sampling ratio, insert strategy',
  holds:
    `the usual setting: all cores shared with PostgreSQL and the load generator; one row a request, ${connections} ` +
    'connections, one worker, durable commits; spans go to a local receiver that drops them',
  timing: { processWarmupS: 10, warmupS: 0.5, durationS: 3, repeats: 2 },
  steps: strategies.flatMap(strategy => Object.keys(levels).map(level => step(strategy, level))),
  conclude,
}

function step(strategy: string, level: string): Step {
  const service = { INSERT_STRATEGY: strategy, OTEL_TRACES_SAMPLER: 'parentbased_traceidratio' }
  return {
    variant: `${strategy}, ${level}`,
    knobs: { strategy, telemetry: level },
    service: { ...service, ...levels[level] },
    control: { name: `${strategy}, off`, service: { ...service, TELEMETRY: 'off' }, windows: 6 },
    takesSpans: true,
    load: closed(connections),
    requests: [{ path: '/test-insert' }],
  }
}

function conclude(samples: readonly Sample[]): Conclusion {
  const comparisons = strategies.map(strategy => ({
    control: `a ${strategy} insert with telemetry off`,
    samples: Object.keys(levels).flatMap(name => {
      const sample = find(samples, step(strategy, name))
      return sample === undefined ? [] : [{ name: `with ${name}`, sample }]
    }),
  }))
  return concludeAgainstControl(comparisons, samples)
}
