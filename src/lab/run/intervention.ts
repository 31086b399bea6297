import { apart, figureOf, ratio } from '../analysis/figures.ts'
import { cheaperThan } from '../analysis/verdict/load-generator.ts'
import { number, spread } from '../analysis/wording.ts'
import type { Step } from '../experiments/experiment.ts'
import type { LoadGenerator } from '../load/generator.ts'
import { wrkCanSend } from '../load/wrk.ts'
import type { Limit, Verdict } from '../results.ts'

/** The accused step with its knob one step further, in the direction that should help if the verdict is right. */
export interface Turn {
  readonly step: Step
  /** The knob and its two settings: `WORKERS 1 → 2`. */
  readonly turned: string
}

export interface Means {
  /** The generator that sent the accused step's load. */
  readonly generator: LoadGenerator['name']
  readonly installed: readonly LoadGenerator['name'][]
}

/**
 * What confirms a verdict: turn the knob of the accused resource one step and nothing else. If that resource
 * is the limit, throughput moves; if another one is, it does not. null where no knob of ours sets the limit
 * (the machine's own cores, unless a cheaper generator frees some) or where it stands at its end already.
 */
export function turnOf(limit: Limit, step: Step, means: Means): Turn | null {
  return turns[limit]?.(bare(step), means) ?? null
}

const turns: Partial<Record<Limit, (step: Step, means: Means) => Turn | null>> = {
  'api-cpu': addWorker,
  'connection-pool': doublePool,
  'database-connections': usePool,
  'database-cpu': useCheaperStrategy,
  'database-io': commitWithoutFlush,
  'load-generator': useCheaperGenerator,
  'host-cpu': useCheaperGenerator,
}

/** Throughput is all that is asked of it. */
function bare({ profile, reportedCpu, control, ...step }: Step): Step {
  return step
}

function addWorker(step: Step): Turn | null {
  const workers = Number(step.service?.['WORKERS'] ?? 1)
  return set(step, 'WORKERS', workers, workers + 1)
}

const defaultPoolSize = 20

function doublePool(step: Step): Turn | null {
  const size = Number(step.service?.['POOL_SIZE'] ?? defaultPoolSize)
  return set(step, 'POOL_SIZE', size, 2 * size)
}

function usePool(step: Step): Turn | null {
  return step.service?.['CONNECTION_MODE'] === 'per-request'
    ? set(step, 'CONNECTION_MODE', 'per-request', 'pool')
    : null
}

/** Each asks less of PostgreSQL than the one before it. */
const strategies = ['single', 'prepared', 'batched']

function useCheaperStrategy(step: Step): Turn | null {
  const strategy = step.service?.['INSERT_STRATEGY'] ?? 'batched'
  const next = strategies[strategies.indexOf(strategy) + 1]
  return next === undefined || !strategies.includes(strategy)
    ? null
    : set(step, 'INSERT_STRATEGY', strategy, next)
}

function commitWithoutFlush(step: Step): Turn | null {
  const mode = step.service?.['SYNCHRONOUS_COMMIT'] ?? 'on'
  return mode === 'off' ? null : set(step, 'SYNCHRONOUS_COMMIT', mode, 'off')
}

/** autocannon paces where k6 holds a rate: no equal exchange. */
function useCheaperGenerator(step: Step, { generator, installed }: Means): Turn | null {
  if (step.load.mode !== 'closed') return null
  const cheaper = cheaperThan[generator]
  if (cheaper === null) return null
  if (cheaper === 'wrk' && !(installed.includes('wrk') && wrkCanSend({ ...step, shape: step.load })))
    return null
  return { step: { ...step, generator: cheaper }, turned: `load generator ${generator} → ${cheaper}` }
}

function set(step: Step, name: string, from: string | number, to: string | number): Turn {
  return {
    step: { ...step, service: { ...step.service, [name]: String(to) } },
    turned: `${name} ${from} → ${to}`,
  }
}

/**
 * What turning the knob did, from the rates of the repeats of both settings, measured in turn. It holds where
 * the turned setting answers more in every repeat than the other in any.
 */
export function confirmationOf(
  turned: string,
  before: readonly number[],
  after: readonly number[],
): Verdict['confirmed'] {
  const beforePerS = figureOf(before)
  const afterPerS = figureOf(after)
  if (beforePerS === null || afterPerS === null || beforePerS.median === 0) return null
  const change = ratio(afterPerS, beforePerS)
  const isBeyondNoise = apart(beforePerS, afterPerS)
  const holds = isBeyondNoise && change.median > 1
  const times = `${number(change.median)} times`
  const outcome = holds
    ? `${times}, beyond the noise of the repeats`
    : isBeyondNoise
      ? `${times}: turning it made things worse, so something else limits as well`
      : `${times}, within the noise of the repeats: it alone is not what limits`
  return {
    holds,
    effect: `${turned}: ${spread(beforePerS, 'requests/s')} → ${spread(afterPerS, 'requests/s')}, ${outcome}`,
    ...{ turned, beforePerS, afterPerS },
  }
}
