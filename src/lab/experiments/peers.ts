import { availableParallelism } from 'node:os'
import { ratio } from '../analysis/figures.ts'
import { number, spread } from '../analysis/wording.ts'
import type { Figure, Reproduction, Sample } from '../results.ts'
import { byThroughput, type Conclusion, closed, type Experiment, find, type Step } from './experiment.ts'
import { reproduction, statement } from './reproduction.ts'

const connections = 64

type Settings = Pick<Step, 'program' | 'service'>

/** One endpoint, seven ways. A name is what tables and plots say. */
const stacks = {
  batched: { service: { INSERT_STRATEGY: 'batched' } },
  prepared: { service: { INSERT_STRATEGY: 'prepared' } },
  'bare Fastify': { program: 'bare-fastify' },
  gin: { program: 'gin' },
  FastAPI: { program: 'fastapi' },
  'FastAPI, tuned': { program: 'fastapi-tuned' },
  'FastAPI, tuned and batched': { program: 'fastapi-tuned', service: { INSERT_STRATEGY: 'batched' } },
} as const satisfies Record<string, Settings>
type Stack = keyof typeof stacks

/** What we hold ourselves to, and against whom. */
const goals = { fastapiCpu: 30, fastapiCpuOfTenRows: 40, ginCpu: 2, ginRate: 3 }

/** Findings A1 and A2 on the reports' own stack, and the same endpoint on other stacks. */
export const peersCompared: Experiment = {
  name: 'peers',
  question:
    'An insert costs my async Python service 1 ms of CPU: is that normal, and how much can I save, in Python or in another language?',
  hypothesis:
    `Batched inserts with full telemetry cost at least ${goals.fastapiCpu} times less CPU than the FastAPI service of the ` +
    `report (${goals.fastapiCpuOfTenRows} times with ten rows a request) and at most half of gin's, at ${goals.ginRate} times ` +
    "gin's rate. Python without an ORM and with batches needs several times less CPU than the report's service, but more than ours.",
  finding: 'A1',
  varies: 'stack, rows a request, worker processes',
  holds: `${connections} connections, pools of 20, durable commits, no access log; ours with full telemetry, the others with none; gin on all cores in one process`,
  timing: { breakInS: 6, warmupS: 1, durationS: 3, repeats: 3 },
  steps: [
    ...stackNames().map(stack => ({ ...step(stack, {}), profile: true })),
    ...tenRows().map(stack => step(stack, { rows: 10 })),
    ...multiplied().map(stack => step(stack, { workers: 2 })),
  ],
  // The experiment itself varies the stack.
  confirms: false,
  conclude,
  reproduce,
}

function stackNames(): Stack[] {
  return Object.keys(stacks).filter((name): name is Stack => name in stacks)
}

function tenRows(): Stack[] {
  return ['batched', 'gin', 'FastAPI', 'FastAPI, tuned and batched']
}

/** One process of gin has all cores already. */
function multiplied(): Stack[] {
  return ['batched', 'FastAPI', 'FastAPI, tuned and batched']
}

interface Size {
  readonly rows?: number
  readonly workers?: number
}

function step(stack: Stack, { rows = 1, workers = 1 }: Size): Step {
  const { program, service }: Settings = stacks[stack]
  return {
    variant: variantOf(stack, { rows, workers }),
    // Cores that its processes can use: what "full" means is read off it.
    knobs: { stack, rows, workers: stack === 'gin' ? availableParallelism() : workers },
    ...(program !== undefined && { program }),
    service: { ...service, WORKERS: String(workers) },
    load: closed(connections),
    requests: [{ path: `/test-insert?rows=${rows}` }],
    ceiling: true,
  }
}

function variantOf(stack: Stack, { rows = 1, workers = 1 }: Size): string {
  return [stack, ...(rows > 1 ? [`${rows} rows`] : []), ...(workers > 1 ? [`${workers} workers`] : [])].join(
    ', ',
  )
}

function conclude(samples: readonly Sample[]): Conclusion {
  const sampleOf = (stack: Stack, size: Size = {}) => find(samples, variantOf(stack, size), connections)
  const ours = sampleOf('batched')
  const comparisons = stackNames()
    .filter(stack => stack !== 'batched')
    .flatMap(stack => comparison(stack, ours, sampleOf(stack)))
  const goalTexts = [
    goal('CPU of FastAPI', goals.fastapiCpu, cpuRatio(sampleOf('FastAPI'), ours)),
    goal(
      'CPU of FastAPI with ten rows',
      goals.fastapiCpuOfTenRows,
      cpuRatio(sampleOf('FastAPI', { rows: 10 }), sampleOf('batched', { rows: 10 })),
    ),
    goal('CPU of gin', goals.ginCpu, cpuRatio(sampleOf('gin'), ours)),
    goal('rate over gin', goals.ginRate, rateRatio(ours, sampleOf('gin'))),
  ].flat()
  const own =
    ours === undefined || ours.cpuPerRequestUs.api === null
      ? []
      : [
          `A batched insert with full telemetry costs the API ${spread(ours.cpuPerRequestUs.api, 'us')} ` +
            `at ${spread(ours.throughputPerS, 'requests/s')}.`,
        ]
  return {
    answer: [...own, ...comparisons, ...goalTexts].join(' ') || 'No stack was measured.',
    diagnosed: ours ?? byThroughput(samples)[0] ?? null,
  }
}

/** What an insert costs there, and how many times ours that is. */
function comparison(stack: Stack, ours: Sample | undefined, theirs: Sample | undefined): string[] {
  const cost = theirs?.cpuPerRequestUs.api ?? null
  const times = cpuRatio(theirs, ours)
  if (cost === null || times === null) return []
  return [`${stack}: ${spread(cost, 'us')}, ${spread(times, 'times')} ours.`]
}

/** Held to by the median; the spread says how surely. */
function goal(what: string, least: number, reached: Figure | null): string[] {
  if (reached === null) return []
  const diagnosis = reached.median >= least ? 'reached' : 'missed'
  return [`Goal ${number(least)} times (${what}): ${diagnosis}, ${spread(reached, 'times')}.`]
}

function cpuRatio(of: Sample | undefined, to: Sample | undefined): Figure | null {
  const [a = null, b = null] = [of?.cpuPerRequestUs.api, to?.cpuPerRequestUs.api]
  return a === null || b === null ? null : ratio(a, b)
}

function rateRatio(of: Sample | undefined, to: Sample | undefined): Figure | null {
  return of === undefined || to === undefined ? null : ratio(of.throughputPerS, to.throughputPerS)
}

/** What the report says of one insert, us. */
const reportedUs = { low: 1000, high: 2000 }

function reproduce(samples: readonly Sample[]): Reproduction[] {
  const one = find(samples, variantOf('FastAPI', {}), connections)
  const ten = find(samples, variantOf('FastAPI', { rows: 10 }), connections)
  const cost = one?.cpuPerRequestUs.api ?? null
  const near = cost !== null && cost.median >= reportedUs.low / 2 && cost.median <= reportedUs.high * 2
  return [
    statement({
      finding: 'A1',
      compared: 'CPU of one insert, on the report’s own stack',
      reported: '1-2 ms',
      ours: cost === null ? 'not measured' : spread(cost, 'us'),
      reproduced: near,
      because:
        cost === null
          ? 'the CPU of the service could not be read'
          : `${near ? 'within' : 'more than'} a factor of two, on another machine with newer versions`,
    }),
    reproduction({
      finding: 'A2',
      compared: 'one insert a request → ten, on the report’s own stack',
      unit: 'requests/s',
      reported: [667, 300],
      reportedText: '500-1,000 (from 1-2 ms each) → about 300 requests/s a worker',
      ours: [one?.throughputPerS, ten?.throughputPerS],
    }),
  ]
}
