import { ratio } from '../analysis/figures.ts'
import { number, spread } from '../analysis/wording.ts'
import type { Sample } from '../results.ts'
import { cpuRatio } from './cpu-ratio.ts'
import { byThroughput, type Conclusion, closed, type Experiment, find, type Step } from './experiment.ts'

const connections = 64
const laneCounts = [1, 2]
/** What a commit takes beside its own work: nothing, or what a replica or a network disk adds. */
const commits: { name: string; postgres: Record<string, string> }[] = [
  { name: 'fast commits', postgres: {} },
  { name: 'commits of 5 ms', postgres: { commit_delay: '5000', commit_siblings: '0' } },
]

/** Whether a second batch should be on its way while the first is. */
export const batchLanes: Experiment = {
  name: 'batch-lanes',
  question: 'Does a second batch on its way at the same time help, and does it where commits are slow?',
  hypothesis:
    'No: two lanes halve the batches, so rows cost more on both sides. Where a commit takes milliseconds the ' +
    'second lane lets a row start its commit sooner, and clients that wait for their answer send more.',
  finding: 'A3',
  varies: "batches on their way (BATCH_LANES), the commit's length",
  holds: `${connections} connections, one row a request, one worker, durable commits`,
  timing: { breakInS: 5, warmupS: 1, durationS: 3, repeats: 3 },
  steps: commits.flatMap(({ name, postgres }) =>
    laneCounts.map(
      (lanes): Step => ({
        variant: variantOf(lanes, name),
        knobs: { lanes, commits: name },
        service: { INSERT_STRATEGY: 'batched', BATCH_LANES: String(lanes) },
        postgres,
        load: closed(connections),
        requests: [{ path: '/test-insert' }],
        ceiling: true,
      }),
    ),
  ),
  conclude,
}

function variantOf(lanes: number, commitsAre: string): string {
  return `${lanes} ${lanes === 1 ? 'lane' : 'lanes'}, ${commitsAre}`
}

function conclude(samples: readonly Sample[]): Conclusion {
  const answers = commits.flatMap(({ name }) => {
    const [one, two] = laneCounts.map(lanes => find(samples, variantOf(lanes, name), connections))
    if (one === undefined || two === undefined) return []
    const rate = spread(ratio(two.throughputPerS, one.throughputPerS), 'times')
    const cpu = cpuRatio('api', two, one)
    const p50 = `${number(one.latencyMs.p50.median)} ms becomes ${number(two.latencyMs.p50.median)}`
    return [
      `With ${name} a second lane answers ${rate} as many requests/s${cpu ? `, at ${cpu} each` : ''}; ` +
        `the median latency of ${p50}.`,
    ]
  })
  return {
    answer: answers.length === 0 ? 'One lane was not measured beside two.' : answers.join(' '),
    accused: byThroughput(samples)[0] ?? null,
  }
}
