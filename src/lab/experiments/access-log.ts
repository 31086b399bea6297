import { ratio } from '../analysis/figures.ts'
import { spread } from '../analysis/wording.ts'
import type { Sample } from '../results.ts'
import { byThroughput, type Conclusion, closed, type Experiment, find, type Step } from './experiment.ts'
import { reproduction } from './reproduction.ts'

const connections = 64
/** Values of ACCESS_LOG: none, lines gathered and written together, each line written before the next request. */
const modes = ['off', 'on', 'sync'] as const
type Mode = (typeof modes)[number]

/** Finding B1: a framework's ping fell from 3,100 requests/s to 800-2,000 when its access log was on. */
export const accessLog: Experiment = {
  name: 'access-log',
  question: 'How much does an access log cost, and does it matter how lines are written?',
  hypothesis:
    'The log is a large part of a request that does nothing else. Lines that are written together cost only the building ' +
    'of the line. A line that is written alone also costs a system call, for which the thread waits.',
  finding: 'B1',
  varies: 'access log: off, lines written together, one write per line',
  holds: `GET /ping/, ${connections} connections, one worker, the log read through a pipe by the lab`,
  timing: { processWarmupS: 4, warmupS: 1, durationS: 4, repeats: 3 },
  steps: modes.map(step),
  conclude,
  reproduce: samples => [
    reproduction({
      finding: 'B1',
      compared: 'ping without an access log → with one write per line',
      unit: 'requests/s',
      reported: [3_100, 1_400],
      reportedText: '3,100 → 800-2,000 requests/s',
      ours: [of(samples, 'off')?.throughputPerS, of(samples, 'sync')?.throughputPerS],
      explanation: 'a line here is built by pino without a formatter and goes to a pipe, not to a terminal',
    }),
  ],
}

function step(mode: Mode): Step {
  return {
    variant: `log ${mode}`,
    knobs: { accessLog: mode },
    service: { ACCESS_LOG: mode },
    load: closed(connections),
    requests: [{ path: '/ping/' }],
  }
}

const of = (samples: readonly Sample[], mode: Mode) => find(samples, step(mode))

function conclude(samples: readonly Sample[]): Conclusion {
  const off = of(samples, 'off')
  const diagnosed = of(samples, 'sync') ?? byThroughput(samples)[0] ?? null
  if (off === undefined) return { answer: 'The service without a log was not measured.', diagnosed }
  const prices = (['on', 'sync'] as const).flatMap(mode => {
    const logged = of(samples, mode)
    return logged === undefined ? [] : [priceOf(mode, off, logged)]
  })
  return {
    answer: `Without a log: ${spread(off.throughputPerS, 'requests/s')}. ${prices.join(' ')}`.trimEnd(),
    diagnosed,
  }
}

function priceOf(mode: 'on' | 'sync', off: Sample, logged: Sample): string {
  const how = mode === 'on' ? 'Lines written together' : 'One write per line'
  const [cost, costOff] = [logged.cpuPerRequestUs.api, off.cpuPerRequestUs.api]
  const cpu = cost && costOff ? `, ${spread(ratio(cost, costOff), 'times')} the API's CPU a request` : ''
  const rate = spread(ratio(logged.throughputPerS, off.throughputPerS), 'times')
  return `${how}: ${rate} the requests/s${cpu}.`
}
