import { ratioByRepeat } from '../analysis/figures.ts'
import { change, spread } from '../analysis/wording.ts'
import type { Sample } from '../results.ts'
import { byThroughput, type Conclusion, type Experiment, open, type Step } from './experiment.ts'

const workers = 8
/** On each of two services, and far below what two cores can do: a tail that moves here moved because of the scrape. */
const ratePerS = 300
const maxConnections = 64
const service = { WORKERS: String(workers) }
/** How often all workers are scraped; 0: never, for the noise. */
const periodsS = [0, 5, 1]

/**
 * Whether being watched by Prometheus can be felt: a scrape runs on the event loop that answers requests. The tail of a
 * shared machine moves by more than a scrape does from minute to minute, so a service that nobody scrapes has the same
 * load at the same moment.
 */
export const scraping: Experiment = {
  name: 'scraping',
  question: `Does scraping ${workers} workers every 5 s move the slowest answers?`,
  hypothesis:
    'A scrape takes a worker a few milliseconds every 5 s, so fewer than one request in a thousand can meet it, ' +
    'and p99 stays within 5 %.',
  finding: null,
  varies: 'time between scrapes of every worker',
  holds: `${workers} workers, ${ratePerS} inserts/s, telemetry full, the same beside it without scrapes`,
  timing: { breakInS: 8, warmupS: 2, durationS: 30, repeats: 5 },
  steps: periodsS.map(
    (everyS): Step => ({
      variant: variantOf(everyS),
      knobs: { workers, scrapeEveryS: everyS },
      service,
      beside: service,
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
  const changes = periodsS.flatMap(everyS => {
    const sample = samples.find(({ knobs }) => knobs['scrapeEveryS'] === everyS)
    const times = sample?.besideP99Ms && ratioByRepeat(sample.latencyMs.p99, sample.besideP99Ms)
    if (!sample?.besideP99Ms || !times) return []
    const [own, others] = [spread(sample.latencyMs.p99, 'ms'), spread(sample.besideP99Ms, 'ms')]
    return [`${variantOf(everyS)} ${change(times)}, ${own} and ${others} beside it`]
  })
  return {
    answer:
      changes.length === 0
        ? 'Nothing was measured beside a service without scrapes.'
        : `p99 against that of a service that nobody scrapes: ${changes.join('; ')}.`,
    accused: byThroughput(samples)[0] ?? null,
  }
}
