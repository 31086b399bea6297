import { timesBeside } from '../analysis/demand.ts'
import { figureOf } from '../analysis/figures.ts'
import { change, spread } from '../analysis/wording.ts'
import type { Sample, Verdict } from '../results.ts'
import { byThroughput, type Conclusion, closed, type Experiment, find, type Step } from './experiment.ts'

const connections = 32

interface Level {
  readonly name: string
  readonly env: Readonly<Record<string, string>>
}

const bare = { TELEMETRY: 'off' }
const another: Level = { name: 'off as well', env: bare }
const ledger: Level = { name: 'ledger', env: { TELEMETRY: 'ledger' } }
const fewTraced: Level = {
  name: 'full, 1 % traced',
  env: { TELEMETRY: 'full', OTEL_TRACES_SAMPLER_ARG: '0.01' },
}

/** What is put beside a bare service: another one, for the noise, and the levels of looking. */
const levels: readonly Level[] = [
  another,
  ledger,
  { name: 'metrics', env: { TELEMETRY: 'metrics' } },
  fewTraced,
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

/**
 * Inserts that are looked at. While commits wait for the disk the API stands still in between, on few cores: there the
 * ledger was measured at 1.07 to 1.08 times a bare insert's CPU, and at 1.03 to 1.07 where the API was kept busy. The
 * second is the price of capacity, the first what is seen beside a slow database.
 */
const inserts = [
  { name: 'prepared', strategy: 'prepared', commit: 'off', levels },
  { name: 'batched', strategy: 'batched', commit: 'off', levels },
  // Enough to see how the price changes with what the API waits for.
  { name: 'durable prepared', strategy: 'prepared', commit: 'on', levels: [another, ledger, fewTraced] },
]

/**
 * What each layer of looking costs, on the same inserts. A few percent are less than what a shared machine adds and
 * takes away within a second, so every level is held against a bare service, in turns of a tenth of a second on a core
 * that is kept free of all others. Where PostgreSQL and the generator share it, code is fetched into its caches anew at
 * most requests: there a prepared insert with the ledger was measured at 1.13 times a bare one, and on a core of its own
 * at 1.07, with all traced 1.86 and 1.59.
 */
export const observabilityPrice: Experiment = {
  name: 'observability-price',
  question: 'What does it cost in CPU to account for every request, and to trace some or all of them?',
  hypothesis:
    'The ledger at most 3 %, everything with 1 % traces at most 10 % of a prepared insert and 25 % of a batched ' +
    'one; the usual instrumentation of HTTP, framework and driver several times the insert itself.',
  finding: null,
  varies: 'telemetry level, sampling ratio, insert strategy, whether commits wait for the disk',
  holds:
    `one row a request, ${connections} connections, one worker on a core of its own, a bare service that takes turns ` +
    'with it (each stands still for the half of the time, so rates are halved and latencies hold the turns of the ' +
    'other), spans sent to a local receiver that drops them, commits that do not wait for the disk but in `durable prepared`',
  // The load of the turns takes a warm-up of its own, whatever the break-in: V8 seems to compile anew for it, on threads
  // whose CPU counts. After 1 s of it the ledger was measured at 1.05 to 1.15 times a bare insert in the first 12 s, and
  // 0.03 to 0.07 less in the next; after 15 s at most 0.02 less.
  timing: { breakInS: 10, warmupS: 15, durationS: 12, repeats: 3 },
  steps: inserts.flatMap(insert =>
    insert.levels.map(({ name, env }): Step => {
      const service = {
        INSERT_STRATEGY: insert.strategy,
        SYNCHRONOUS_COMMIT: insert.commit,
        OTEL_TRACES_SAMPLER: 'parentbased_traceidratio',
      }
      return {
        variant: variantOf(insert.name, name),
        knobs: { strategy: insert.strategy, synchronousCommit: insert.commit, telemetry: name },
        service: { ...service, ...env },
        beside: { ...service, ...bare, OTEL_SERVICE_NAME: 'bare' },
        spanSink: true,
        ownCore: true,
        load: closed(connections),
        requests: [{ path: '/test-insert' }],
        ceiling: true,
      }
    }),
  ),
  conclude,
}

function variantOf(insert: string, level: string): string {
  return `${insert}, ${level}`
}

function conclude(samples: readonly Sample[]): Conclusion {
  const prices = inserts.flatMap(({ name }) => priceOf(name, samples))
  const accused = byThroughput(samples)[0] ?? null
  return {
    answer: prices.length === 0 ? 'No level was measured beside `off`.' : prices.join(' '),
    accused,
    ...(accused !== null && answeredAll(accused) && { judgedAgain: verdict => byTheTurns(verdict, samples) }),
  }
}

function answeredAll({ throughputPerS, errors }: Sample): boolean {
  return throughputPerS.low > 0 && errors.ratio.high === 0 && errors.dropped.high === 0
}

/** Where no limit was found, it is the experiment itself: a service that stands still half of the time fills nothing. */
function byTheTurns(verdict: Verdict, samples: readonly Sample[]): Verdict {
  if (verdict.limit !== 'inconclusive') return verdict
  const [cause] = verdict.causes
  const stoodStill =
    'each service stood still for half of the time, while the one beside it ran on the same core'
  return {
    ...verdict,
    limit: 'none-observed',
    confidence: 'medium',
    sentence: `${headlineOf(samples)}No limit was looked for: every service took turns with a bare one, so the rates are those of half the time.`,
    causes: [{ limit: 'none-observed', evidence: [stoodStill, ...(cause?.evidence ?? [])] }],
    next: 'For what limits the service: npm run lab -- run insert-cost.',
  }
}

/** The price of the level that most will run at; empty where it was not measured. */
function headlineOf(samples: readonly Sample[]): string {
  const prices = inserts.flatMap(({ name }) => {
    const sample = sampleOf(name, fewTraced, samples)
    const times = sample ? timesBeside(sample) : null
    return times === null ? [] : [`${change(times)} of a ${name} insert`]
  })
  return prices.length === 0 ? '' : `Everything with 1 % traced costs the API’s CPU ${prices.join(', ')}. `
}

function priceOf(insert: string, samples: readonly Sample[]): string[] {
  const measured = levels.flatMap(level => {
    const sample = sampleOf(insert, level, samples)
    const times = sample ? timesBeside(sample) : null
    return times === null ? [] : [{ name: level.name, times, bareUs: sample?.besideUs?.values ?? [] }]
  })
  const bareUs = figureOf(measured.flatMap(one => one.bareUs))
  if (bareUs === null) return []
  const prices = measured.map(({ name, times }) => `${name} ${change(times)}`)
  return [
    `A ${insert} insert costs the API ${spread(bareUs, 'us')} unobserved; beside such a service, ${prices.join(', ')}.`,
  ]
}

function sampleOf(insert: string, { name }: Level, samples: readonly Sample[]): Sample | undefined {
  return find(samples, variantOf(insert, name), connections)
}
