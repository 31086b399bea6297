import { ratio } from '../analysis/figures.ts'
import { spread } from '../analysis/wording.ts'
import type { Sample } from '../results.ts'
import { byThroughput, type Conclusion, closed, type Experiment, find, type Step } from './experiment.ts'

const connections = 64
const strategies = ['prepared', 'batched', 'copy']
const rowCounts = [1, 10, 100]

/** Finding A2: several inserts a request bring a service down to 300 requests/s, because each is a statement. */
export const rowsPerRequest: Experiment = {
  name: 'rows-per-request',
  question: 'What do ten or a hundred rows a request cost, against one?',
  hypothesis:
    'One statement a row: ten rows cost nearly ten times the CPU of one. As one batch: at most four times.',
  finding: 'A2',
  varies: 'rows a request, insert strategy',
  holds: `${connections} connections, one worker, all rows of a request stored or none`,
  timing: { breakInS: 6, warmupS: 1, durationS: 3, repeats: 3 },
  steps: strategies.flatMap(strategy =>
    rowCounts.map(
      (rows): Step => ({
        variant: variantOf(strategy, rows),
        knobs: { strategy, rows },
        service: { INSERT_STRATEGY: strategy },
        load: closed(connections),
        requests: [{ path: `/test-insert?rows=${rows}` }],
        ceiling: true,
      }),
    ),
  ),
  conclude,
}

function variantOf(strategy: string, rows: number): string {
  return `${strategy}, ${rows} ${rows === 1 ? 'row' : 'rows'}`
}

function conclude(samples: readonly Sample[]): Conclusion {
  const costOf = (strategy: string, rows: number) =>
    find(samples, variantOf(strategy, rows), connections)?.cpuPerRequestUs.api ?? null
  const growths = strategies.flatMap(strategy => {
    const one = costOf(strategy, 1)
    const ten = costOf(strategy, 10)
    if (one === null || ten === null) return []
    return [`${spread(ratio(ten, one), 'times')} with ${strategy} (${spread(one, 'us')} for one)`]
  })
  return {
    answer:
      growths.length === 0
        ? 'The CPU of the API could not be read.'
        : `Ten rows a request cost the API's CPU of one row ${growths.join(', ')}.`,
    accused: byThroughput(samples)[0] ?? null,
  }
}
