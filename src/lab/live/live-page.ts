import { readFileSync } from 'node:fs'
import type { Html } from '../report/html.ts'
import type { Results } from '../results.ts'
import { serveOnLoopback } from './loopback-server.ts'
import { type LiveState, livePageOf, measuredParts, type Plan, passingParts } from './page.ts'
import { type Watcher, workDone } from './progress.ts'
import { type RateReading, shownS } from './rate-line.ts'

/** The report during the run: a page on loopback. */
export interface LivePage extends Watcher, AsyncDisposable {
  readonly url: string
  /** What has been measured so far; best called between two measurements, for then the plots are drawn. */
  show(results: Results): void
  /** The run is over. */
  end(results: Results, reportFile: string): void
}

const refreshMs = 1000

/**
 * Serves the page until it is disposed of. Nothing is drawn unless a browser is listening, and then as little as
 * can be while a window is open: plots when `show` is called, the running figures once a second. Measured here:
 * 3 ms of CPU a second in the lab and 26 in Chromium, and between two windows some 30 ms for an experiment's plots.
 */
export async function openLivePage(plan: Plan, startedAt: Date): Promise<LivePage> {
  let state: LiveState = { plan, results: null, doing: 'starting', doneS: 0, rates: [], reportFile: null }
  const work = workDone()
  const passing = () => passingParts({ ...state, doneS: work.doneS() }, performance.now())
  const everything = () => messageOf({ ...measuredParts(state), ...passing() })

  const server = await serveOnLoopback({
    files: new Map([
      ['/', { type: 'text/html', content: livePageOf(plan, startedAt) }],
      ['/live.js', { type: 'text/javascript', content: script }],
    ]),
    stream: '/changes',
    greeting: everything,
  })
  const timer = setInterval(() => {
    if (server.hasListeners()) server.tell(messageOf(passing()))
  }, refreshMs)
  timer.unref()

  return {
    url: server.url,
    begin(what, expectedS) {
      work.begin(expectedS)
      state = { ...state, doing: what }
    },
    live(perS) {
      state = { ...state, rates: recent([...state.rates, { atMs: performance.now(), perS }]) }
    },
    done() {
      work.end()
    },
    say(line) {
      state = { ...state, doing: line }
    },
    show(results) {
      state = { ...state, results }
      if (server.hasListeners()) server.tell(everything())
    },
    end(results, reportFile) {
      clearInterval(timer)
      state = { ...state, results, reportFile }
      if (server.hasListeners()) server.tellLast(everything())
    },
    async [Symbol.asyncDispose]() {
      clearInterval(timer)
      await server[Symbol.asyncDispose]()
    },
  }
}

const script = readFileSync(new URL('live.js', import.meta.url), 'utf8')

function messageOf(parts: Readonly<Record<string, Html>>): string {
  return JSON.stringify(Object.fromEntries(Object.entries(parts).map(([id, { markup }]) => [id, markup])))
}

function recent(rates: readonly RateReading[]): RateReading[] {
  const from = performance.now() - shownS * 1000
  return rates.filter(({ atMs }) => atMs >= from)
}
