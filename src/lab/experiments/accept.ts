import { ratio } from '../analysis/figures.ts'
import { spread } from '../analysis/wording.ts'
import type { Sample } from '../results.ts'
import { cpuRatio } from './cpu-ratio.ts'
import { byThroughput, type Conclusion, closed, type Experiment, find, type Step } from './experiment.ts'

const connections = 64
const workers = 2
/** Who gives a new connection to a worker. */
const dealers = [
  { name: 'supervisor', env: {} },
  { name: 'kernel', env: { NODE_OPTIONS: '--import ./deploy/peers/reuse-port/register.mjs' } },
]
/** How long clients keep a connection. */
const habits = [
  { name: 'kept', headers: {} },
  { name: 'a connection a request', headers: { connection: 'close' } },
]

/** Two ways to share a port between workers: the cluster module's, which the service uses, and SO_REUSEPORT. */
export const accept: Experiment = {
  name: 'accept',
  question: 'Is it worth to let the kernel deal out connections to the workers, and not the supervisor?',
  hypothesis:
    'Where clients keep their connections it makes no difference, for nothing is dealt out. Where each request ' +
    'brings a new one, handing it on costs the supervisor some 20 us or more.',
  finding: 'C2',
  varies: 'who deals out connections, whether clients keep them',
  holds: `${workers} workers, ${connections} connections, GET /ping/`,
  timing: { breakInS: 4, warmupS: 1, durationS: 3, repeats: 3 },
  steps: dealers.flatMap(dealer =>
    habits.map(
      (habit): Step => ({
        variant: variantOf(dealer.name, habit.name),
        knobs: { dealer: dealer.name, connections: habit.name },
        service: { WORKERS: String(workers), ...dealer.env },
        load: closed(connections),
        requests: [{ path: '/ping/', headers: habit.headers }],
        ceiling: true,
      }),
    ),
  ),
  conclude,
}

function variantOf(dealer: string, habit: string): string {
  return `${dealer}, ${habit}`
}

function conclude(samples: readonly Sample[]): Conclusion {
  const comparisons = habits.flatMap(({ name }) => {
    const [supervisor, kernel] = dealers.map(dealer =>
      find(samples, variantOf(dealer.name, name), connections),
    )
    if (supervisor === undefined || kernel === undefined) return []
    const rate = spread(ratio(kernel.throughputPerS, supervisor.throughputPerS), 'times')
    const cpu = cpuRatio('api', kernel, supervisor)
    return [`Connections: ${name}. Dealt out by the kernel: ${rate} the requests/s${cpu ? `, ${cpu}` : ''}.`]
  })
  return {
    answer: comparisons.length === 0 ? 'The two were not both measured.' : comparisons.join(' '),
    accused: byThroughput(samples)[0] ?? null,
  }
}
