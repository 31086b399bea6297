import cliProgress from 'cli-progress'
import { number } from '../analysis/wording.ts'

/** Follows what the lab is doing. Every call is cheap and none of them throws. */
export interface Watcher {
  /** A step begins; it will take about so many seconds. */
  begin(what: string, expectedS: number): void
  /** Requests answered a second right now. */
  live(ratePerS: number): void
  /** The step is over; `outcome` is one line about it. */
  done(outcome: string): void
  /** A line to keep, such as the name of the next experiment. */
  say(line: string): void
}

/** A watcher that holds the terminal. */
export interface Progress extends Watcher, Disposable {}

/** The same progress, followed by another watcher too. */
export function followedBy(progress: Progress, other: Watcher | null): Progress {
  const all = [progress, ...(other === null ? [] : [other])]
  return {
    begin(what, expectedS) {
      for (const one of all) one.begin(what, expectedS)
    },
    live(ratePerS) {
      for (const one of all) one.live(ratePerS)
    },
    done(outcome) {
      for (const one of all) one.done(outcome)
    },
    say(line) {
      for (const one of all) one.say(line)
    },
    [Symbol.dispose]: () => progress[Symbol.dispose](),
  }
}

/** Seconds of work that are done, by the estimates of the steps. A step under way counts up to its estimate. */
export function workDone() {
  let finishedS = 0
  let step = { startedAtMs: performance.now(), expectedS: 0 }
  return {
    begin(expectedS: number) {
      step = { startedAtMs: performance.now(), expectedS }
    },
    end() {
      finishedS += step.expectedS
      step = { ...step, expectedS: 0 }
    },
    doneS: () => finishedS + Math.min(step.expectedS, (performance.now() - step.startedAtMs) / 1000),
  }
}

const refreshMs = 250

/** A bar with the live rate on a terminal; plain lines, one at each step's start and end, elsewhere. */
export function createProgress(totalS: number, output: NodeJS.WriteStream = process.stdout): Progress {
  return output.isTTY ? barProgress(totalS, output) : lineProgress(totalS, output)
}

function barProgress(totalS: number, output: NodeJS.WriteStream): Progress {
  const bar = new cliProgress.SingleBar({
    stream: output,
    hideCursor: true,
    clearOnComplete: true,
    barsize: 24,
    fps: 1000 / refreshMs,
    format: (options, params, payload: Payload) => {
      const drawn = cliProgress.Format.BarFormat(params.progress, options)
      return `${drawn} ${Math.round(params.progress * 100)} %  ${clockTime(params.total - params.value)} left  ${payload.what}  ${payload.rate}`
    },
  })
  const work = workDone()
  let shown: Payload = { what: 'starting', rate: '' }
  const doneS = () => Math.min(totalS, work.doneS())
  const draw = () => bar.update(doneS(), shown)
  bar.start(totalS, 0, shown)
  const timer = setInterval(draw, refreshMs)
  const say = (line: string) => {
    bar.stop()
    output.write(`${line}\n`)
    bar.start(totalS, doneS(), shown)
  }
  return {
    say,
    begin(what, expectedS) {
      work.begin(expectedS)
      shown = { what, rate: '' }
      draw()
    },
    live(ratePerS) {
      shown = { ...shown, rate: `${number(ratePerS)} requests/s` }
    },
    done() {
      work.end()
      draw()
    },
    [Symbol.dispose]() {
      clearInterval(timer)
      bar.stop()
    },
  }
}

interface Payload {
  readonly what: string
  readonly rate: string
}

function lineProgress(totalS: number, output: NodeJS.WriteStream): Progress {
  const work = workDone()
  let sawLive = false
  const say = (line: string) => {
    output.write(`${line}\n`)
  }
  return {
    say,
    begin: (_what, expectedS) => work.begin(expectedS),
    live(ratePerS) {
      if (!sawLive && ratePerS > 0) say(`first load: ${number(ratePerS)} requests/s`)
      sawLive ||= ratePerS > 0
    },
    done(outcome) {
      work.end()
      // What is to come is a guess: a confirming run may need a process more.
      say(`[${Math.min(100, Math.round((work.doneS() / totalS) * 100))} %] ${outcome}`)
    },
    [Symbol.dispose]() {},
  }
}

/** Minutes and seconds, such as `2:05`. */
export function clockTime(seconds: number): string {
  const whole = Math.max(0, Math.round(seconds))
  return `${Math.floor(whole / 60)}:${String(whole % 60).padStart(2, '0')}`
}
