import type { Sample } from '../results.ts'
import { concludeAgainstControl } from './against-control.ts'
import { type Conclusion, closed, type Experiment, find, type Step } from './experiment.ts'

const connections = 64
const requests = { ping: '/ping/', insert: '/test-insert' }

/** The path is relative to the folder of the peer, in which it is started. */
const preload = { NODE_OPTIONS: '--import ../../../src/ledger/auto.ts' }

/** What a user pays for the CPU ledger in a service of their own, which was not written for it. */
export const ledgerPrice: Experiment = {
  name: 'ledger-price',
  question: 'How much CPU and throughput does the CPU ledger cost a plain Fastify and pg service?',
  hypothesis: 'A ping costs at most 15 % more CPU and one insert at most 30 % more.',
  varies: 'CPU ledger preloaded or not, ping or one insert',
  holds:
    'deploy/peers/bare-fastify, one process on the cores that it shares with PostgreSQL and the load generator, ' +
    `${connections} connections`,
  timing: { processWarmupS: 10, warmupS: 0.5, durationS: 3, repeats: 2 },
  steps: Object.entries(requests).map(step),
  conclude,
}

function step([name, path]: [string, string]): Step {
  return {
    variant: name,
    knobs: { request: path, ledger: 'preloaded' },
    program: 'bare-fastify',
    service: preload,
    control: { name: `${name}, without the ledger`, program: 'bare-fastify', windows: 6 },
    load: closed(connections),
    requests: [{ path }],
  }
}

function conclude(samples: readonly Sample[]): Conclusion {
  const comparisons = Object.entries(requests).map(([name, path]) => {
    const sample = find(samples, step([name, path]))
    return {
      control: `one ${name} without the ledger`,
      samples: sample === undefined ? [] : [{ name: 'with the ledger', sample }],
    }
  })
  return concludeAgainstControl(comparisons, samples)
}
