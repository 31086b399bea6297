import { cheaperThan } from '../analysis/diagnosis/load-generator.ts'
import { apart, figureOf, ratio } from '../analysis/figures.ts'
import { number, spread } from '../analysis/wording.ts'
import type { Step } from '../experiments/experiment.ts'
import type { LoadGenerator } from '../load/generator.ts'
import { wrkCanSend } from '../load/wrk.ts'
import type { Diagnosis, Limit } from '../results.ts'

/** A step with one setting changed, in the direction that should help if the suspected limit is the limit. */
export interface Intervention {
  readonly step: Step
  /** The setting with its two values: `WORKERS 1 → 2`. */
  readonly settings: string
}

export interface Means {
  /** The generator that sent the step's load. */
  readonly generator: LoadGenerator['name']
  readonly installed: readonly LoadGenerator['name'][]
}

/**
 * The change that tests a suspected limit: its setting one step further, and nothing else. If it is the limit,
 * throughput changes; if something else is, throughput stays. null where no setting of ours sets the limit (the cores
 * of the machine, unless a cheaper generator frees some), or where the setting cannot go further.
 */
export function changeOf(limit: Limit, step: Step, means: Means): Intervention | null {
  return changes[limit]?.(bare(step), means) ?? null
}

const changes: Partial<Record<Limit, (step: Step, means: Means) => Intervention | null>> = {
  'api-cpu': addWorker,
  'connection-pool': doublePool,
  'database-connections': usePool,
  'database-cpu': useCheaperStrategy,
  'database-io': commitWithoutFlush,
  'load-generator': useCheaperGenerator,
  'host-cpu': useCheaperGenerator,
}

/** Without what only costs time: this step is for its throughput alone. */
function bare({ profile, reportedCpu, control, ...step }: Step): Step {
  return step
}

function addWorker(step: Step): Intervention | null {
  const workers = Number(step.service?.['WORKERS'] ?? 1)
  return set(step, 'WORKERS', workers, workers + 1)
}

const defaultPoolSize = 20

function doublePool(step: Step): Intervention | null {
  const size = Number(step.service?.['POOL_SIZE'] ?? defaultPoolSize)
  return set(step, 'POOL_SIZE', size, 2 * size)
}

function usePool(step: Step): Intervention | null {
  return step.service?.['CONNECTION_MODE'] === 'per-request'
    ? set(step, 'CONNECTION_MODE', 'per-request', 'pool')
    : null
}

/** Each asks less of PostgreSQL than the one before it. */
const strategies = ['single', 'prepared', 'batched']

function useCheaperStrategy(step: Step): Intervention | null {
  const strategy = step.service?.['INSERT_STRATEGY'] ?? 'batched'
  const next = strategies[strategies.indexOf(strategy) + 1]
  return next === undefined || !strategies.includes(strategy)
    ? null
    : set(step, 'INSERT_STRATEGY', strategy, next)
}

function commitWithoutFlush(step: Step): Intervention | null {
  const mode = step.service?.['SYNCHRONOUS_COMMIT'] ?? 'on'
  return mode === 'off' ? null : set(step, 'SYNCHRONOUS_COMMIT', mode, 'off')
}

function useCheaperGenerator(step: Step, { generator, installed }: Means): Intervention | null {
  if (step.load.mode !== 'closed') return null
  const cheaper = cheaperThan[generator]
  if (cheaper === null) return null
  if (cheaper === 'wrk' && !(installed.includes('wrk') && wrkCanSend({ ...step, shape: step.load })))
    return null
  return { step: { ...step, generator: cheaper }, settings: `load generator ${generator} → ${cheaper}` }
}

function set(step: Step, name: string, from: string | number, to: string | number): Intervention {
  return {
    step: { ...step, service: { ...step.service, [name]: String(to) } },
    settings: `${name} ${from} → ${to}`,
  }
}

/**
 * What the change did, from the rates of both settings. The suspected limit is confirmed where every repeat with the
 * new value answers more than any repeat with the old one.
 */
export function confirmationOf(
  settings: string,
  before: readonly number[],
  after: readonly number[],
): Diagnosis['confirmed'] {
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
      ? `${times}: the change made it worse, so something else is a limit too`
      : `${times}, within the noise of the repeats: this setting alone is not the limit`
  return {
    holds,
    effect: `${settings}: ${spread(beforePerS, 'requests/s')} → ${spread(afterPerS, 'requests/s')}, ${outcome}`,
    ...{ turned: settings, beforePerS, afterPerS },
  }
}
