import { ratio } from '../analysis/figures.ts'
import { signedPercent, spread } from '../analysis/wording.ts'
import type { Sample } from '../results.ts'
import { byThroughput, type Conclusion, closed, type Experiment, find, type Step } from './experiment.ts'

const connections = 64
const strategies = ['prepared', 'batched']

/** Levels of TELEMETRY with a sampling ratio, and, for contrast, what most services install. */
const levels: { name: string; env: Record<string, string> }[] = [
  { name: 'off', env: { TELEMETRY: 'off' } },
  { name: 'ledger', env: { TELEMETRY: 'ledger' } },
  { name: 'metrics', env: { TELEMETRY: 'metrics' } },
  { name: 'full, 1 % traced', env: { TELEMETRY: 'full', OTEL_TRACES_SAMPLER_ARG: '0.01' } },
  { name: 'full, 100 % traced', env: { TELEMETRY: 'full', OTEL_TRACES_SAMPLER_ARG: '1' } },
  {
    name: 'usual instrumentation, 100 % traced',
    env: {
      TELEMETRY: 'off',
      OTEL_TRACES_SAMPLER_ARG: '1',
      NODE_OPTIONS: '--import ./deploy/peers/auto-instrumented/register.mjs',
    },
  },
]

/** What each layer of looking costs, on the same inserts, each against a service that does not look at all. */
export const observabilityPrice: Experiment = {
  name: 'observability-price',
  question: 'What does it cost in CPU to account for every request, and to trace some or all of them?',
  hypothesis:
    'The ledger at most 3 %, everything with 1 % traces at most 10 % of a prepared insert and 25 % of a batched ' +
    'one; the usual instrumentation of HTTP, framework and driver several times the insert itself.',
  finding: null,
  varies: 'telemetry level, sampling ratio, insert strategy',
  holds: `one row a request, ${connections} connections, one worker, spans sent to a local receiver that drops them`,
  timing: { breakInS: 4, warmupS: 1, durationS: 2, repeats: 3 },
  steps: strategies.flatMap(strategy =>
    levels.map(
      ({ name, env }): Step => ({
        variant: variantOf(strategy, name),
        knobs: { strategy, telemetry: name },
        service: { INSERT_STRATEGY: strategy, OTEL_TRACES_SAMPLER: 'parentbased_traceidratio', ...env },
        spanSink: true,
        load: closed(connections),
        requests: [{ path: '/test-insert' }],
        ceiling: true,
      }),
    ),
  ),
  conclude,
}

function variantOf(strategy: string, level: string): string {
  return `${strategy}, ${level}`
}

function conclude(samples: readonly Sample[]): Conclusion {
  const prices = strategies.flatMap(strategy => priceOf(strategy, samples))
  return {
    answer: prices.length === 0 ? 'No level was measured beside `off`.' : prices.join(' '),
    accused: byThroughput(samples)[0] ?? null,
  }
}

function priceOf(strategy: string, samples: readonly Sample[]): string[] {
  const costOf = (level: string) =>
    find(samples, variantOf(strategy, level), connections)?.cpuPerRequestUs.api ?? null
  const bare = costOf('off')
  if (bare === null) return []
  const more = levels.flatMap(({ name }) => {
    const cost = costOf(name)
    if (cost === null || name === 'off') return []
    const { median, low, high } = ratio(cost, bare)
    return [`${name} ${signedPercent(median - 1)} (${signedPercent(low - 1)} to ${signedPercent(high - 1)})`]
  })
  return more.length === 0
    ? []
    : [
        `A ${strategy} insert costs the API ${spread(bare, 'us')} unobserved; on top of it: ${more.join(', ')}.`,
      ]
}
