import { ratio } from '../analysis/figures.ts'
import { number, spread } from '../analysis/wording.ts'
import type { Sample } from '../results.ts'
import { cpuRatio } from './cpu-ratio.ts'
import { byThroughput, type Conclusion, closed, type Experiment, find, type Step } from './experiment.ts'

const busy = 64
const strategies = ['single', 'prepared', 'batched']

/** The insert strategies side by side, each fully observed, between a bare `prepared` and a ping. */
export const strategiesCompared: Experiment = {
  name: 'strategies',
  question: 'Which way of inserting is best: in CPU, in rows per second and in latency?',
  hypothesis:
    'One statement per request costs the API some 50 us and PostgreSQL some 60 us. A batch of the requests that arrive ' +
    'while the previous batch is being written costs at most half of that in the API and a fifth in PostgreSQL. It ' +
    'answers at least three times as many requests, and one client alone sees no difference.',
  finding: 'A3',
  varies: 'insert strategy, connections',
  holds: 'one row a request, one worker, durable commits, tables empty at the start of each step',
  timing: { breakInS: 4, warmupS: 1, durationS: 3, repeats: 3 },
  steps: [
    { ...step('ping', busy, {}), requests: [{ path: '/ping/' }] },
    step('prepared, unobserved', busy, { INSERT_STRATEGY: 'prepared', TELEMETRY: 'off' }),
    ...strategies.map(strategy => step(strategy, busy, { INSERT_STRATEGY: strategy })),
    ...['prepared', 'batched'].map(strategy => step(strategy, 1, { INSERT_STRATEGY: strategy })),
  ],
  conclude,
}

function step(variant: string, connections: number, service: Record<string, string>): Step {
  return {
    variant,
    knobs: { strategy: service['INSERT_STRATEGY'] ?? 'none', telemetry: service['TELEMETRY'] ?? 'full' },
    service,
    load: closed(connections),
    requests: [{ path: '/test-insert' }],
    ceiling: true,
  }
}

function conclude(samples: readonly Sample[]): Conclusion {
  const batched = find(samples, 'batched', busy)
  if (batched === undefined)
    return { answer: 'The batch was not measured.', diagnosed: byThroughput(samples)[0] ?? null }
  return {
    answer: [
      `Batched: ${spread(batched.throughputPerS, 'requests/s')} at ${busy} connections.`,
      ...comparison('prepared', batched, find(samples, 'prepared', busy)),
      ...comparison('prepared, unobserved,', batched, find(samples, 'prepared, unobserved', busy)),
      ...comparison('a ping', batched, find(samples, 'ping', busy)),
      ...loneClient(samples),
    ].join(' '),
    diagnosed: batched,
  }
}

function comparison(other: string, batched: Sample, sample: Sample | undefined): string[] {
  if (sample === undefined) return []
  const ratios = [
    `${spread(ratio(batched.throughputPerS, sample.throughputPerS), 'times')} the requests/s`,
    cpuRatio('api', batched, sample),
    other === 'a ping' ? null : cpuRatio('database', batched, sample),
  ]
  return [`Against ${other}: ${ratios.filter(each => each !== null).join(', ')}.`]
}

function loneClient(samples: readonly Sample[]): string[] {
  const prepared = find(samples, 'prepared', 1)
  const batched = find(samples, 'batched', 1)
  if (prepared === undefined || batched === undefined) return []
  const slower = ratio(batched.latencyMs.p50, prepared.latencyMs.p50)
  return [
    `One client alone waits ${spread(batched.latencyMs.p50, 'ms')} for a batch and ` +
      `${spread(prepared.latencyMs.p50, 'ms')} for a prepared statement (${number(slower.median)} times).`,
  ]
}
