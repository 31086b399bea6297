import { ratio } from '../analysis/figures.ts'
import { number, percent, spread } from '../analysis/wording.ts'
import type { Reproduction, Sample } from '../results.ts'
import { byThroughput, type Conclusion, closed, type Experiment, find, type Step } from './experiment.ts'
import { reproduction, statement } from './reproduction.ts'
import { seedTasks, taskPage } from './tasks.ts'

const poolSizes: Record<Work, readonly number[]> = {
  'task page': [1, 2, 4, 8, 16, 20, 40],
  insert: [1, 2, 4, 20],
}
const pooledClients = 64
/** The server takes 60 connections: so many clients may each open one, and so many not. */
const maxConnections = 60
const clientsWithinLimit = 16
const clientsBeyondLimit = 100
const users = 200
const usersPerS = 20

const work = { 'task page': taskPage, insert: [{ path: '/test-insert' }] }
type Work = keyof typeof work

/** Findings B2 and B3: a connection for each request against a pool of them, on the tasks API; and on inserts. */
export const connections: Experiment = {
  name: 'connections',
  question: 'What does a database connection per request cost, and how large must my pool be?',
  hypothesis:
    'Opening a connection (a server process, a password check, a catalogue to read) costs many times as much as the ' +
    'statement, and beyond max_connections requests fail. A pool of a few connections per core gives the full ' +
    'throughput. With a larger pool requests wait inside PostgreSQL instead of in the service.',
  finding: 'B2, B3',
  varies: 'connection mode, pool size, statement: a page of 25 tasks, or a prepared insert',
  holds: `one worker, max_connections ${maxConnections}, tables with ${number(120_000)} tasks`,
  timing: { processWarmupS: 3, warmupS: 1, durationS: 2, repeats: 3 },
  steps: [
    ...[clientsWithinLimit, clientsBeyondLimit].map(clients => perRequest('task page', clients)),
    perRequest('insert', clientsWithinLimit),
    ...(['task page', 'insert'] as const).flatMap(kind => poolSizes[kind].map(size => pooled(kind, size))),
    rampedUsers(),
  ],
  confirms: true,
  conclude,
  reproduce,
}

function perRequest(kind: Work, clients: number): Step {
  return {
    ...stepOf(kind, { CONNECTION_MODE: 'per-request' }),
    variant: `${kind}, per request`,
    knobs: { work: kind, mode: 'per-request' },
    load: closed(clients),
  }
}

function pooled(kind: Work, size: number): Step {
  return {
    ...stepOf(kind, { CONNECTION_MODE: 'pool', POOL_SIZE: String(size) }),
    variant: `${kind}, pool of ${size}`,
    knobs: { work: kind, mode: 'pool', pool: size },
    load: closed(pooledClients),
  }
}

function rampedUsers(): Step {
  return {
    ...pooled('task page', 20),
    variant: 'task page, ramped users',
    load: { mode: 'closed', connections: users, rampPerS: usersPerS },
  }
}

function stepOf(kind: Work, service: Record<string, string>) {
  return {
    service: { INSERT_STRATEGY: 'prepared', ...service },
    postgres: { max_connections: String(maxConnections) },
    seed: seedTasks,
    requests: work[kind],
  }
}

function conclude(samples: readonly Sample[]): Conclusion {
  const opened = find(samples, perRequest('task page', clientsWithinLimit))
  const best = bestPool(samples, 'task page')
  const many = find(samples, rampedUsers())
  const answer = [
    opened && best && comparison(opened, best),
    refusal(find(samples, perRequest('task page', clientsBeyondLimit))),
    enough(samples, 'task page'),
    enough(samples, 'insert'),
    many && `${users} users, ${usersPerS} more each second: ${served(many)}.`,
  ].filter(Boolean)
  return {
    answer: answer.join(' ') || 'Too little was measured to compare.',
    diagnosed: find(samples, pooled('insert', 1)) ?? byThroughput(samples)[0] ?? null,
  }
}

interface Pool {
  readonly size: number
  readonly sample: Sample
}

function poolsOf(samples: readonly Sample[], kind: Work): Pool[] {
  return poolSizes[kind].flatMap(size => {
    const sample = find(samples, pooled(kind, size))
    return sample === undefined ? [] : [{ size, sample }]
  })
}

function bestPool(samples: readonly Sample[], kind: Work): Pool | undefined {
  return poolsOf(samples, kind).toSorted(
    (a, b) => b.sample.throughputPerS.median - a.sample.throughputPerS.median,
  )[0]
}

function comparison(opened: Sample, { size, sample }: Pool): string {
  return (
    `A page of tasks, with a new connection for each request: ${spread(opened.throughputPerS, 'requests/s')}; ` +
    `with a pool of ${size}: ${spread(sample.throughputPerS, 'requests/s')}, ` +
    `${spread(ratio(sample.throughputPerS, opened.throughputPerS), 'times')} as many.`
  )
}

function refusal(sample: Sample | undefined): string | undefined {
  if (sample === undefined) return undefined
  const why = sample.complaint === undefined ? '' : ` ("${sample.complaint}")`
  return (
    `With ${clientsBeyondLimit} clients that each open their own connection, ` +
    `${percent(sample.errors.ratio.median)} of the requests fail${why}.`
  )
}

/** The smallest pool within a tenth of the best one's throughput. */
function enough(samples: readonly Sample[], kind: Work): string | undefined {
  const best = bestPool(samples, kind)
  const smallest = poolsOf(samples, kind).find(
    ({ sample }) => best && sample.throughputPerS.median >= 0.9 * best.sample.throughputPerS.median,
  )
  return (
    smallest &&
    `For the ${kind} a pool of ${smallest.size} is within a tenth of the best, ` +
      `at ${spread(smallest.sample.throughputPerS, 'requests/s')}.`
  )
}

function served({ throughputPerS, latencyMs, errors }: Sample): string {
  return `${spread(throughputPerS, 'requests/s')}, p99 ${spread(latencyMs.p99, 'ms')}, ${percent(errors.ratio.high)} errors`
}

function reproduce(samples: readonly Sample[]): Reproduction[] {
  const opened = find(samples, perRequest('task page', clientsWithinLimit))
  const beyond = find(samples, perRequest('task page', clientsBeyondLimit))
  const pool = find(samples, pooled('task page', 20))
  const many = find(samples, rampedUsers())
  return [
    reproduction({
      finding: 'B2',
      compared: 'page of tasks, a connection a request → a pool of 20',
      unit: 'requests/s',
      reported: [200, 900],
      reportedText: '200 → 900 requests/s',
      ours: [opened?.throughputPerS, pool?.throughputPerS],
      explanation:
        'a page costs this service less than the report’s, so opening a connection is a larger part of the request',
    }),
    statement({
      finding: 'B2',
      compared: 'a connection a request, past max_connections, against a pool',
      reported: 'FATAL: sorry, too many clients already; with a pool no errors',
      ours:
        beyond && pool
          ? `${percent(beyond.errors.ratio.median)} errors (${beyond.complaint ?? 'no reason given'}); with a pool ${percent(pool.errors.ratio.high)}`
          : 'not measured',
      reproduced:
        beyond !== undefined &&
        beyond.errors.ratio.low > 0 &&
        pool !== undefined &&
        pool.errors.ratio.high === 0,
      because: `${clientsBeyondLimit} clients open more than the ${maxConnections} connections that the server takes, a pool of 20 does not`,
    }),
    statement({
      finding: 'B3',
      compared: `tasks API with ${users} users, ${usersPerS} more each second`,
      reported: 'pages by cursor, served to 200 users',
      ours: many ? served(many) : 'not measured',
      reproduced: many !== undefined && many.errors.ratio.high === 0,
      because: many ? 'every request of every user was answered' : 'it was not measured',
    }),
  ]
}
