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
  if (other === null) return progress
  return {
    begin(what, expectedS) {
      progress.begin(what, expectedS)
      other.begin(what, expectedS)
    },
    live(ratePerS) {
      progress.live(ratePerS)
      other.live(ratePerS)
    },
    done(outcome) {
      progress.done(outcome)
      other.done(outcome)
    },
    say(line) {
      progress.say(line)
      other.say(line)
    },
    [Symbol.dispose]: () => progress[Symbol.dispose](),
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
      return `${drawn} ${Math.round(params.progress * 100)} %  ${left(params.total - params.value)}  ${payload.what}  ${payload.rate}`
    },
  })
  let doneS = 0
  let step = { startedAtMs: performance.now(), expectedS: 0 }
  let shown: Payload = { what: 'starting', rate: '' }
  const elapsedS = () => Math.min(step.expectedS, (performance.now() - step.startedAtMs) / 1000)
  const draw = () => bar.update(Math.min(totalS, doneS + elapsedS()), shown)
  bar.start(totalS, 0, shown)
  const timer = setInterval(draw, refreshMs)
  const say = (line: string) => {
    bar.stop()
    output.write(`${line}\n`)
    bar.start(totalS, Math.min(totalS, doneS), shown)
  }
  return {
    say,
    begin(what, expectedS) {
      step = { startedAtMs: performance.now(), expectedS }
      shown = { what, rate: '' }
      draw()
    },
    live(ratePerS) {
      shown = { ...shown, rate: `${number(ratePerS)} requests/s` }
    },
    done() {
      doneS += step.expectedS
      step = { startedAtMs: performance.now(), expectedS: 0 }
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
  let doneS = 0
  let expected = 0
  let sawLive = false
  const say = (line: string) => {
    output.write(`${line}\n`)
  }
  return {
    say,
    begin(_what, expectedS) {
      expected = expectedS
    },
    live(ratePerS) {
      if (!sawLive && ratePerS > 0) say(`first load: ${number(ratePerS)} requests/s`)
      sawLive ||= ratePerS > 0
    },
    done(outcome) {
      doneS += expected
      // What is to come is a guess: a confirming run may need a process more.
      say(`[${Math.min(100, Math.round((doneS / totalS) * 100))} %] ${outcome}`)
    },
    [Symbol.dispose]() {},
  }
}

function left(seconds: number): string {
  const whole = Math.max(0, Math.round(seconds))
  return `${Math.floor(whole / 60)}:${String(whole % 60).padStart(2, '0')} left`
}
