import { ratio } from '../analysis/figures.ts'
import { signedPercent, spread } from '../analysis/wording.ts'
import type { Sample } from '../results.ts'
import { byThroughput, type Conclusion, type Experiment, open, type Step } from './experiment.ts'

const workers = 8
/** Far below what two cores can do: a tail that moves here moved because of the scrape, not of a queue. */
const ratePerS = 500
const maxConnections = 64
/** How often all workers are scraped; 0: never. */
const periodsS = [0, 5, 1]

/** Whether being watched by Prometheus can be felt: a scrape runs on the event loop that answers requests. */
export const scraping: Experiment = {
  name: 'scraping',
  question: `Does scraping ${workers} workers every 5 s move the slowest answers?`,
  hypothesis:
    'A scrape takes a worker a few milliseconds every 5 s, so fewer than one request in a thousand can meet it, ' +
    'and p99 stays within 5 %.',
  finding: null,
  varies: 'time between scrapes of every worker',
  holds: `${workers} workers, ${ratePerS} inserts/s, telemetry full`,
  timing: { breakInS: 6, warmupS: 2, durationS: 20, repeats: 5 },
  steps: periodsS.map(
    (everyS): Step => ({
      variant: variantOf(everyS),
      knobs: { workers, scrapeEveryS: everyS },
      service: { WORKERS: String(workers) },
      load: open(ratePerS, maxConnections),
      requests: [{ path: '/test-insert' }],
      ...(everyS > 0 && { scrapeEveryS: everyS }),
    }),
  ),
  conclude,
}

function variantOf(everyS: number): string {
  return everyS === 0 ? 'not scraped' : `scraped each ${everyS} s`
}

function conclude(samples: readonly Sample[]): Conclusion {
  const sampleOf = (everyS: number) => samples.find(({ knobs }) => knobs['scrapeEveryS'] === everyS)
  const quiet = sampleOf(0)
  const changes = periodsS.flatMap(everyS => {
    const sample = sampleOf(everyS)
    if (everyS === 0 || sample === undefined || quiet === undefined) return []
    const times = ratio(sample.latencyMs.p99, quiet.latencyMs.p99)
    return [
      `${variantOf(everyS)}, ${spread(sample.latencyMs.p99, 'ms')}: ${signedPercent(times.median - 1)} ` +
        `(${signedPercent(times.low - 1)} to ${signedPercent(times.high - 1)})`,
    ]
  })
  return {
    answer:
      quiet === undefined
        ? 'Nothing was measured without scrapes.'
        : `p99 without scrapes is ${spread(quiet.latencyMs.p99, 'ms')}; ${changes.join('; ') || 'nothing was measured with them'}.`,
    accused: byThroughput(samples)[0] ?? null,
  }
}
