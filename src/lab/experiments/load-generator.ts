import { apart, ratio } from '../analysis/figures.ts'
import { spread } from '../analysis/wording.ts'
import type { LoadGenerator } from '../load/generator.ts'
import type { Reproduction, Sample } from '../results.ts'
import { byThroughput, type Conclusion, closed, type Experiment, find, type Step } from './experiment.ts'
import { statement } from './reproduction.ts'

const connections = 64
/** From the cheapest to the most expensive. */
const generators: readonly LoadGenerator['name'][] = ['wrk', 'undici', 'k6']

/** Last part of finding B1: at 13,000 requests/s the load generator was the limit, not the service. */
export const loadGenerator: Experiment = {
  name: 'load-generator',
  question: 'Does my load generator limit the throughput that I measure?',
  hypothesis:
    'On shared cores, a generator that needs more CPU per request than the service leaves the service less than half of ' +
    'the CPU. Then the figure is a lower bound of what the service can do.',
  finding: 'B1',
  varies: 'load generator: wrk (if installed), undici, k6 (if installed)',
  holds: `GET /ping/, ${connections} connections, one worker, one service process for all of them`,
  timing: { processWarmupS: 4, warmupS: 1, durationS: 4, repeats: 3 },
  steps: generators.map(step),
  conclude,
  reproduce,
}

function step(generator: LoadGenerator['name']): Step {
  return {
    variant: generator,
    knobs: { generator },
    load: closed(connections),
    requests: [{ path: '/ping/' }],
    generator,
  }
}

function measuredOf(samples: readonly Sample[]): Sample[] {
  return generators.flatMap(generator => find(samples, step(generator)) ?? [])
}

function conclude(samples: readonly Sample[]): Conclusion {
  const measured = measuredOf(samples)
  const answers = measured.map(described).join('; ')
  return {
    answer: answers ? `The same service answers ${answers}.` : 'Nothing was measured.',
    diagnosed: measured.at(-1) ?? byThroughput(samples)[0] ?? null,
  }
}

function described({ throughputPerS, cpuPerRequestUs, load }: Sample): string {
  const { generator: cost } = cpuPerRequestUs
  const price = cost === null ? '' : `, which uses ${spread(cost, 'us')} of CPU per request`
  return `${spread(throughputPerS, 'requests/s')} from ${load.generator}${price}`
}

function reproduce(samples: readonly Sample[]): Reproduction[] {
  const measured = measuredOf(samples)
  const [cheapest] = measured
  const dearest = measured.at(-1)
  const isCompared = cheapest !== undefined && dearest !== undefined && cheapest !== dearest
  const gain = isCompared ? ratio(cheapest.throughputPerS, dearest.throughputPerS) : null
  const isLimited =
    isCompared && apart(cheapest.throughputPerS, dearest.throughputPerS) && (gain?.low ?? 0) > 1
  return [
    statement({
      finding: 'B1',
      compared: 'the same ping, sent by an expensive load generator → by a cheap one',
      reported: '13,000 requests/s from Go/gin, where the load generator was the limit',
      ours: isCompared ? measured.toReversed().map(described).join(' → ') : 'not measured',
      ratio: gain,
      reproduced: isLimited,
      because: isLimited
        ? 'the service answers more when the generator uses less CPU'
        : isCompared
          ? 'the generators do not differ beyond the noise of the repeats'
          : 'a second generator is not installed here (k6 or wrk)',
    }),
  ]
}
