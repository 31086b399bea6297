import { availableParallelism } from 'node:os'
import { ratio } from '../analysis/figures.ts'
import { number, spread } from '../analysis/wording.ts'
import type { Figure, Reproduction, Sample } from '../results.ts'
import { type InsertStack, insertStacks } from '../stack/peers/insert-stacks.ts'
import { byThroughput, type Conclusion, closed, type Experiment, find, type Step } from './experiment.ts'
import { reproduction, statement } from './reproduction.ts'

const busy = 64

/** Stacks that the answer names: ours, the first report's, and two to compare ours with. */
const named = {
  ours: 'insertlab, batched',
  report: 'FastAPI + SQLAlchemy text()',
  gin: 'gin + pgx',
} as const

/** What we hold ourselves to, and against whom. */
const goals = { reportCpu: 30, reportCpuOfTenRows: 40, ginCpu: 2, ginRate: 3 }

/** What a request asks for. */
interface Request {
  readonly connections: number
  readonly rows: number
  /** All rows by one statement. */
  readonly bulk: boolean
}

const requests: readonly Request[] = [
  { connections: busy, rows: 1, bulk: false },
  { connections: 1, rows: 1, bulk: false },
  { connections: busy, rows: 10, bulk: false },
  { connections: 1, rows: 10, bulk: false },
  { connections: busy, rows: 10, bulk: true },
]

/** Findings A1 and A2 on the reports' own stack, and the same insert on the stacks that people use: the insert table. */
export const peersCompared: Experiment = {
  name: 'peers',
  question:
    'An insert costs my service 1 ms of CPU: is that normal for its language and data layer, and what would another stack cost?',
  hypothesis:
    `Batched inserts with full telemetry cost at least ${goals.reportCpu} times less CPU than the FastAPI service of the ` +
    `report (${goals.reportCpuOfTenRows} times with ten rows a request) and at most half of gin's, at ${goals.ginRate} times ` +
    "gin's rate. Within a language the layer above the driver costs more than the driver. One statement for all rows of a " +
    'request saves most of the CPU of the rows after the first.',
  finding: 'A1',
  varies: 'stack, rows a request, connections, one statement for all rows',
  holds: `one process, a pool of 20, durable commits, no access log; ours with full telemetry, the others with none; ${insertStacks
    .filter(({ allCores }) => allCores)
    .map(({ name }) => name)
    .join(' and ')} on all cores`,
  timing: { processWarmupS: 6, warmupS: 0.5, durationS: 2, repeats: 3 },
  steps: insertStacks.flatMap(stack =>
    requests.filter(({ bulk }) => !bulk || stack.bulk !== undefined).map(request => step(stack, request)),
  ),
  conclude,
  reproduce,
}

function step(stack: InsertStack, { connections, rows, bulk }: Request): Step {
  const { name, program, service, allCores = false } = stack
  return {
    variant: variantOf(name, rows, bulk),
    knobs: {
      stack: name,
      rows,
      ...(bulk && { bulk: stack.bulk ?? '' }),
      // Cores that its processes can use: what "full" means is read off it.
      workers: allCores ? availableParallelism() : 1,
    },
    ...(program !== undefined && { program }),
    service: { ...service, WORKERS: '1' },
    load: closed(connections),
    requests: [{ path: `/test-insert?rows=${rows}${bulk ? '&bulk=true' : ''}` }],
    auditRows: rows,
    ...(connections === busy && rows === 1 && { profile: 'once' }),
  }
}

function variantOf(stack: string, rows: number, bulk = false): string {
  return [stack, ...(rows > 1 ? [`${rows} rows`] : []), ...(bulk ? ['one statement'] : [])].join(', ')
}

/** The sample of a stack with many connections, each row by a statement of its own. */
function busyOf(samples: readonly Sample[], stack: string, rows: number): Sample | undefined {
  return find(samples, { variant: variantOf(stack, rows), load: closed(busy) })
}

function conclude(samples: readonly Sample[]): Conclusion {
  const sampleOf = (stack: string, rows = 1) => busyOf(samples, stack, rows)
  const ours = sampleOf(named.ours)
  const comparisons = insertStacks
    .filter(({ name }) => name !== named.ours)
    .flatMap(({ name }) => comparison(name, ours, sampleOf(name)))
  const goalTexts = [
    goal("CPU of the report's stack", goals.reportCpu, cpuRatio(sampleOf(named.report), ours)),
    goal(
      "CPU of the report's stack with ten rows",
      goals.reportCpuOfTenRows,
      cpuRatio(sampleOf(named.report, 10), sampleOf(named.ours, 10)),
    ),
    goal('CPU of gin', goals.ginCpu, cpuRatio(sampleOf(named.gin), ours)),
    goal('rate compared with gin', goals.ginRate, rateRatio(ours, sampleOf(named.gin))),
  ].flat()
  const own =
    ours === undefined || ours.cpuPerRequestUs.api === null
      ? []
      : [
          `A batched insert with full telemetry costs the API ${spread(ours.cpuPerRequestUs.api, 'us')} ` +
            `at ${spread(ours.throughputPerS, 'requests/s')}.`,
        ]
  return {
    answer: [...own, ...comparisons, ...goalTexts].join(' ') || 'No two stacks were measured.',
    diagnosed: ours ?? byThroughput(samples)[0] ?? null,
  }
}

/** What an insert costs there, and how many times ours that is. */
function comparison(stack: string, ours: Sample | undefined, theirs: Sample | undefined): string[] {
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
  const one = busyOf(samples, named.report, 1)
  const ten = busyOf(samples, named.report, 10)
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
