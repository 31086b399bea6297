import { ratio } from '../analysis/figures.ts'
import { meanResponseMs } from '../analysis/little.ts'
import { counted, spread } from '../analysis/wording.ts'
import type { Reproduction, Sample } from '../results.ts'
import { byThroughput, type Conclusion, closed, type Experiment, find, type Step } from './experiment.ts'
import { reproduction } from './reproduction.ts'
import { crudMix, seedTasks } from './tasks.ts'

const lone = 1
const some = 100
const many = 500
/** 500 users over 1.6 s, the report's figures, are 312 requests/s: some 3 ms each, one after the other. */
const blockMs = 3
const slowCommitMs = 10

/** Commits that take long, as on a disk that is far away: on every change of a task the server sleeps. */
const slowCommits = [
  `CREATE OR REPLACE FUNCTION slow_commit() RETURNS trigger LANGUAGE plpgsql AS
    'BEGIN PERFORM pg_sleep(${slowCommitMs / 1000}); RETURN NULL; END'`,
  `CREATE TRIGGER slow_commit AFTER INSERT OR UPDATE OR DELETE ON tasks
    FOR EACH STATEMENT EXECUTE FUNCTION slow_commit()`,
]

type Kind = 'blocking' | 'small pool' | 'as it is'

/**
 * Findings C1 and C2: more worker processes brought 1.6 s to 90 ms although CPU was low throughout. So what
 * they multiplied was no CPU but what each process had one of: a thread that waited, or a small pool. The
 * case where there is nothing to multiply is shown too.
 */
export const workers: Experiment = {
  name: 'workers',
  question: 'When do more worker processes help, and when do they not?',
  hypothesis:
    `If each request blocks its process for ${blockMs} ms, sixteen workers answer almost sixteen times as many requests, ` +
    'and users wait a sixteenth of the time. If each worker has one database connection and commits are slow, four ' +
    'workers do as much as one worker with a pool of four. If the cores are full, more workers do not help.',
  finding: 'C1, C2',
  varies:
    'workers, users, and what a request waits for: a blocking call, a connection of a small pool, nothing',
  holds: '75 % reads, 20 % writes, 5 % deletes of tasks by id, telemetry full',
  timing: { processWarmupS: 2, warmupS: 3, durationS: 2, repeats: 3 },
  steps: [
    ...[lone, some, many].map(users => step('blocking', 1, users)),
    ...[some, many].map(users => step('blocking', 4, users)),
    step('blocking', 16, many),
    step('small pool', 1, some),
    step('small pool', 4, some),
    step('small pool', 1, some, 4),
    ...[1, 2, 4].map(count => step('as it is', count, some)),
  ],
  conclude,
  reproduce,
}

function step(kind: Kind, count: number, users: number, pool = kind === 'small pool' ? 1 : 20): Step {
  const rigs: Record<Kind, Record<string, string>> = {
    blocking: {
      NODE_OPTIONS: '--import ./src/lab/rigs/blocking-call.ts',
      RIG_BLOCK_MS: String(blockMs),
    },
    'small pool': {},
    'as it is': {},
  }
  const ofPool = kind === 'small pool' ? `, ${counted(pool, 'connection')} each` : ''
  return {
    variant: `${kind}, ${counted(count, 'worker')}${ofPool}`,
    knobs: { waits: kind, workers: count, pool },
    service: { WORKERS: String(count), POOL_SIZE: String(pool), ...rigs[kind] },
    // Sixteen workers and their successors share it (see `divideConnections` in the service).
    postgres: { max_connections: '200' },
    seed: kind === 'small pool' ? [...seedTasks, ...slowCommits] : seedTasks,
    load: closed(users),
    requests: crudMix,
  }
}

function conclude(samples: readonly Sample[]): Conclusion {
  const of = (...settings: Parameters<typeof step>) => find(samples, step(...settings))
  const blocked = of('blocking', 1, many)
  const pooled = of('small pool', 1, some)
  const gains = [
    gain('with a call that blocks, 16 workers', blocked, of('blocking', 16, many)),
    gain('with too few connections, 4 workers', pooled, of('small pool', 4, some)),
    gain('with too few connections, one worker with a pool of 4', pooled, of('small pool', 1, some, 4)),
    gain('as it is, 4 workers', of('as it is', 1, some), of('as it is', 4, some)),
  ].filter(text => text !== null)
  return {
    answer:
      gains.length === 0
        ? 'No two settings were measured to compare.'
        : `Compared with one worker: ${gains.join('; ')}.`,
    diagnosed: blocked ?? byThroughput(samples)[0] ?? null,
  }
}

function gain(what: string, one: Sample | undefined, more: Sample | undefined): string | null {
  if (one === undefined || more === undefined) return null
  const times = spread(ratio(more.throughputPerS, one.throughputPerS), 'times')
  return `${what}: ${times} the requests/s, mean wait ${wait(one)} → ${wait(more)}`
}

function wait(sample: Sample): string {
  const mean = meanResponseMs(sample)
  return mean === null ? 'unknown' : spread(mean, 'ms')
}

/** The report gives averages. */
function reproduce(samples: readonly Sample[]): Reproduction[] {
  const wait = (count: number, users: number) => meanResponseMs(find(samples, step('blocking', count, users)))
  const cores = 'if there are more workers than the cores can run, they wait for a core instead'
  return [
    reproduction({
      finding: 'C1',
      compared: 'latency of a single request → with 100 users, one process that blocks',
      unit: 'ms',
      reported: [14, 2_000],
      reportedText: '14 ms → 2 s',
      ours: [wait(1, lone), wait(1, some)],
    }),
    reproduction({
      finding: 'C2',
      compared: 'latency at 500 users, 1 worker → 16, blocking calls',
      unit: 'ms',
      reported: [1_600, 90],
      reportedText: '1.6 s → 90 ms',
      ours: [wait(1, many), wait(16, many)],
      explanation: cores,
    }),
    reproduction({
      finding: 'C2',
      compared: 'latency at 100 users, 1 worker → 4, blocking calls',
      unit: 'ms',
      reported: [2_000, 300],
      reportedText: '2 s → 300 ms on the small container',
      ours: [wait(1, some), wait(4, some)],
      explanation: cores,
    }),
  ]
}
