import { readFileSync } from 'node:fs'
import type { Html } from '../report/html.ts'
import type { Results } from '../results.ts'
import { serveOnLoopback } from './loopback-server.ts'
import { type LiveState, livePageOf, measuredParts, type Plan, passingParts } from './page.ts'
import type { Watcher } from './progress.ts'
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
  let step = { sinceMs: performance.now(), expectedS: 0 }
  let finishedS = 0

  const now = (): LiveState => {
    const elapsedS = (performance.now() - step.sinceMs) / 1000
    return { ...state, doneS: finishedS + Math.min(step.expectedS, elapsedS) }
  }
  const passing = () => markupOf(passingParts(now(), performance.now()))
  /** What every listener has of the parts that hold plots; a browser lays out anew only what differs. */
  let told: Markup = {}
  const everything = () => {
    told = markupOf(measuredParts(state))
    return JSON.stringify({ ...told, ...passing() })
  }
  const changes = () => {
    const before = told
    told = markupOf(measuredParts(state))
    const changed = Object.entries(told).filter(([id, markup]) => before[id] !== markup)
    return JSON.stringify({ ...Object.fromEntries(changed), ...passing() })
  }

  const server = await serveOnLoopback({
    files: new Map([
      ['/', { type: 'text/html', content: livePageOf(plan, startedAt) }],
      ['/live.js', { type: 'text/javascript', content: script }],
    ]),
    stream: '/changes',
    greeting: everything,
  })
  const timer = setInterval(() => {
    if (server.hasListeners()) server.tell(JSON.stringify(passing()))
  }, refreshMs)
  timer.unref()

  return {
    url: server.url,
    begin(what, expectedS) {
      step = { sinceMs: performance.now(), expectedS }
      state = { ...state, doing: what }
    },
    live(perS) {
      state = { ...state, rates: recent([...state.rates, { atMs: performance.now(), perS }]) }
    },
    done() {
      finishedS += step.expectedS
      step = { sinceMs: performance.now(), expectedS: 0 }
    },
    say(line) {
      state = { ...state, doing: line }
    },
    show(results) {
      state = { ...state, results }
      if (server.hasListeners()) server.tell(changes())
    },
    end(results, reportFile) {
      clearInterval(timer)
      state = { ...state, results, reportFile }
      if (server.hasListeners()) server.tellLast(changes())
    },
    async [Symbol.asyncDispose]() {
      clearInterval(timer)
      await server[Symbol.asyncDispose]()
    },
  }
}

const script = readFileSync(new URL('live.js', import.meta.url), 'utf8')

type Markup = Readonly<Record<string, string>>

function markupOf(parts: Readonly<Record<string, Html>>): Markup {
  return Object.fromEntries(Object.entries(parts).map(([id, { markup }]) => [id, markup]))
}

function recent(rates: readonly RateReading[]): RateReading[] {
  const from = performance.now() - shownS * 1000
  return rates.filter(({ atMs }) => atMs >= from)
}
