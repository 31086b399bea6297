import { concludeAgainstControl } from '../experiments/against-control.ts'
import { closed, type Experiment } from '../experiments/experiment.ts'
import { methodOf } from '../load/prepare-request.ts'
import type { RequestTemplate } from '../load/templates.ts'
import { masked } from '../secrets.ts'

export interface AbPlan {
  /** What the two services are, as the user named them. */
  readonly a: string
  readonly b: string
  readonly requests: readonly RequestTemplate[]
  readonly connections: number
  /** Of each service. */
  readonly windows: number
  /** Length of a window, seconds. */
  readonly window: number
  /** Load on each service before the first window, seconds. */
  readonly warmUp: number
}

/** How much more or less than A does B cost and answer? */
export function abExperiment(plan: AbPlan): Experiment {
  const { a, b, requests, connections, windows, window, warmUp } = plan
  return {
    name: 'ab',
    question: 'How do CPU per request and throughput of service B compare with those of service A?',
    hypothesis: 'None: the services are yours.',
    varies: masked(`the service: A is "${a}", B is "${b}"`),
    holds: masked(
      `${requests.map(request => `${methodOf(request)} ${request.path}`).join(', ')}; ${connections} connections`,
    ),
    timing: { processWarmupS: warmUp, warmupS: 0.5, durationS: window, repeats: 1 },
    steps: [
      {
        variant: 'B',
        knobs: { A: masked(a), B: masked(b) },
        control: { name: 'A', windows },
        load: closed(connections),
        requests,
      },
    ],
    conclude(samples) {
      const measured = samples.map(sample => ({ name: 'with B', sample }))
      return concludeAgainstControl([{ control: 'a request to A', samples: measured }], samples)
    },
  }
}
