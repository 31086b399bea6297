import { ratio } from '../analysis/figures.ts'
import { spread } from '../analysis/wording.ts'
import type { Sample } from '../results.ts'
import { byThroughput, type Conclusion, closed, type Experiment, find, type Step } from './experiment.ts'

const connections = 64
const own = 'own'

/** Other ways to send the same batch, each a file in `deploy/peers/batch-variants`. */
const replacements = [
  'merge',
  'plain-returning',
  'id-blocks',
  'binary-array',
  'copy-text',
  'copy-binary',
  'ids-as-bigint',
  'ids-as-text',
]

/** One thing changed at a time about how a batch goes to PostgreSQL and how its ids come back. */
export const batchStatement: Experiment = {
  name: 'batch-statement',
  question:
    'Is there a cheaper way to send a batch of rows than one INSERT from an array with its ids, and what is it worth?',
  hypothesis:
    'Ids taken from the sequence in blocks save PostgreSQL a fifth and the API some percent, for nothing is ' +
    'returned; COPY costs a second round trip and is dearer at the sizes that batches have under load.',
  finding: 'A3',
  varies: "the batch's statement, the format of its parameter, the type of its ids",
  holds: `${connections} connections, one row a request, one worker, durable commits`,
  timing: { breakInS: 5, warmupS: 1, durationS: 3, repeats: 3 },
  steps: [own, ...replacements].map(
    (way): Step => ({
      variant: way,
      knobs: { way },
      service: {
        INSERT_STRATEGY: 'batched',
        ...(way !== own && { NODE_OPTIONS: `--import ./deploy/peers/batch-variants/${way}.mjs` }),
      },
      load: closed(connections),
      requests: [{ path: '/test-insert' }],
      ceiling: true,
    }),
  ),
  conclude,
}

function conclude(samples: readonly Sample[]): Conclusion {
  const reference = find(samples, own, connections)
  const comparisons = replacements.flatMap(way => {
    const sample = find(samples, way, connections)
    return reference && sample ? [comparison(way, sample, reference)] : []
  })
  return {
    answer: comparisons.length === 0 ? `Nothing was measured beside ${own}.` : comparisons.join(' '),
    accused: byThroughput(samples)[0] ?? null,
  }
}

function comparison(way: string, sample: Sample, reference: Sample): string {
  const cpu = (['api', 'database'] as const).flatMap(part => {
    const [one, other] = [sample.cpuPerRequestUs[part], reference.cpuPerRequestUs[part]]
    return one && other
      ? [`${spread(ratio(one, other), 'times')} the ${part === 'api' ? "API's" : "database's"} CPU`]
      : []
  })
  const rate = `${spread(ratio(sample.throughputPerS, reference.throughputPerS), 'times')} the requests/s`
  return `Against ${own}, ${way}: ${[rate, ...cpu].join(', ')}.`
}
