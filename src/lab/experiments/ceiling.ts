import type { Machine } from '../analysis/demand.ts'
import { spread } from '../analysis/wording.ts'
import type { Sample } from '../results.ts'
import { byThroughput, type Conclusion, closed, type Experiment, find } from './experiment.ts'
import { predictCeiling, predictionText } from './prediction.ts'

const strategies = ['prepared', 'batched']
const clients = [1, 2, 4, 8, 16, 64, 256]
/** Where other experiments look. */
const busiest = 64

/** Whether a machine's limit can be told without driving it there: what capacity planning lives on. */
export const ceiling: Experiment = {
  name: 'ceiling',
  question: 'Can I predict the highest insert rate of a machine from a light load?',
  hypothesis:
    'The CPU per request with a few clients predicts within 15 % the rate at which the cores are full. For batches the ' +
    'prediction must include that a row costs less in a larger batch: D(n) = a + b/n.',
  finding: null,
  varies: 'connections, insert strategy',
  holds: 'one row a request, one worker, pool of 20, durable commits, one service process for all steps',
  timing: { breakInS: 6, warmupS: 1, durationS: 2, repeats: 4 },
  steps: strategies.flatMap(strategy =>
    clients.map(connections => ({
      variant: strategy,
      knobs: { strategy },
      load: closed(connections),
      requests: [{ path: `/test-insert?strategy=${strategy}` }],
      ceiling: true,
    })),
  ),
  conclude,
}

function conclude(samples: readonly Sample[], machine: Machine): Conclusion {
  const sweepOf = (strategy: string) => clients.flatMap(count => find(samples, strategy, count) ?? [])
  const predictions = strategies.flatMap(strategy => {
    const prediction = predictCeiling(sweepOf(strategy), machine)
    return prediction === null ? [] : [{ strategy, prediction }]
  })
  const [best] = byThroughput(samples)
  const diagnosed = find(samples, 'batched', busiest) ?? best ?? null
  const ofBatched = predictions.find(({ strategy }) => strategy === 'batched')?.prediction
  return {
    answer:
      predictions.length > 0
        ? `${predictions.map(({ strategy, prediction }) => `${strategy}: ${predictionText(prediction)}`).join('. ')}.`
        : best === undefined
          ? 'Nothing was measured.'
          : `Too little could be read to predict from; the most was ${spread(best.throughputPerS, 'requests/s')}.`,
    diagnosed,
    ...(ofBatched && { predictedPerS: ofBatched.predictedPerS }),
  }
}
