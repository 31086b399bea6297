import { meanResponseMs } from '../analysis/little.ts'
import { number, spread } from '../analysis/wording.ts'
import type { Sample } from '../results.ts'
import { type Conclusion, closed, type Experiment, find, type Step } from './experiment.ts'
import { reproduction } from './reproduction.ts'
import { crudMix, seedTasks } from './tasks.ts'

const users = 100
/** null: as much as it wants of what there is. */
const limits: readonly (number | null)[] = [null, 1, 0.5, 0.25]

/** Finding C1: 100 users waited 2 s on a container of one CPU. Is that what one CPU does, or a quarter? */
export const cpuLimit: Experiment = {
  name: 'cpu-limit',
  question: 'How long do 100 users wait when the container may use one core, a half or a quarter?',
  hypothesis:
    'One JavaScript thread uses one core at most, so a limit of one core costs little. Below it throughput falls with ' +
    'the limit, and the slowest answers wait for periods of 100 ms in which the process is stopped.',
  finding: 'C1',
  varies: 'cores that the service may use, users',
  holds:
    'the mix of tasks, one worker, pool of 20; memory is not limited, the process needs far less than 512 MB',
  timing: { processWarmupS: 4, warmupS: 1, durationS: 4, repeats: 3 },
  steps: [...limits.map(cores => step(cores, users)), step(1, 1)],
  conclude,
  reproduce: samples => [
    reproduction({
      finding: 'C1',
      compared: 'latency of a single request → with 100 users, one CPU',
      unit: 'ms',
      reported: [14, 2_000],
      reportedText: '14 ms → 2 s',
      // The report gives an average.
      ours: [meanResponseMs(of(samples, 1, 1)), meanResponseMs(of(samples, 1, users))],
      explanation:
        'one CPU is enough for this service, so a CPU limit alone does not make users wait; other waits do (see the experiment workers)',
    }),
  ],
}

function step(cores: number | null, connections: number): Step {
  return {
    variant: variantOf(cores),
    knobs: { cores: cores ?? 'all' },
    ...(cores !== null && { serviceCores: cores }),
    seed: seedTasks,
    load: closed(connections),
    requests: crudMix,
  }
}

function variantOf(cores: number | null): string {
  return cores === null ? 'no limit' : cores === 1 ? 'one core' : `${cores} of a core`
}

function of(samples: readonly Sample[], cores: number | null, connections: number): Sample | undefined {
  return find(samples, step(cores, connections))
}

function conclude(samples: readonly Sample[]): Conclusion {
  const answers = limits.flatMap(cores => {
    const sample = of(samples, cores, users)
    return sample === undefined ? [] : [`${variantOf(cores)} ${served(sample)}`]
  })
  return {
    answer: answers.length === 0 ? 'Nothing was measured.' : `${number(users)} users: ${answers.join('; ')}.`,
    diagnosed: limits.flatMap(cores => of(samples, cores, users) ?? []).at(-1) ?? null,
  }
}

function served({ throughputPerS, latencyMs: { p50, p99 } }: Sample): string {
  return `${spread(throughputPerS, 'requests/s')}, p50 ${spread(p50, 'ms')}, p99 ${spread(p99, 'ms')}`
}
