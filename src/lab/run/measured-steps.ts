/**
 * What a run has measured, step by step, in a file of its results folder: a run that was interrupted can go on from it.
 * The file has one line a step and repeat. The first line says what was asked for; a run with other steps, times or
 * another generator is another run.
 */
import { appendFileSync, existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { LabError } from '../errors.ts'
import { labelOf } from '../experiments/experiment.ts'
import { masked } from '../secrets.ts'
import type { Planned } from './run-experiments.ts'
import type { Profiled } from './sample.ts'

export interface MeasuredSteps {
  /** What was seen of a step in one repeat; null: it has to be measured. Each is given once. */
  take(step: StepOfRun): readonly Profiled[] | null
  keep(step: StepOfRun, observations: readonly Profiled[]): void
}

export interface StepOfRun {
  readonly experiment: string
  readonly label: string
  readonly repeat: number
}

interface Line extends StepOfRun {
  readonly observations: readonly Profiled[]
}

/** Opens the file of a results folder. Throws LAB_USAGE where it belongs to a run of something else. */
export function openMeasuredSteps(
  folder: string,
  plans: readonly Planned[],
  generator: string | undefined,
): MeasuredSteps {
  const file = join(folder, 'measured-steps.jsonl')
  const asked = masked(JSON.stringify({ asked: plans.map(describe), generator: generator ?? null }))
  const [first, ...lines] = existsSync(file) ? readFileSync(file, 'utf8').split('\n') : []
  if (first === undefined) appendFileSync(file, `${asked}\n`)
  else if (first !== asked) {
    throw new LabError(
      'LAB_USAGE',
      `${folder} has measurements of other steps, or with other times or another generator`,
      'Go on with the same experiments and options, or leave --resume out.',
    )
  }
  const known = lines.flatMap(parsed)
  return {
    take(step) {
      const index = known.findIndex(one => isSame(one, step))
      return known.splice(index, index === -1 ? 0 : 1)[0]?.observations ?? null
    },
    keep(step, observations) {
      appendFileSync(file, `${masked(JSON.stringify({ ...step, observations }, withMaps))}\n`)
    },
  }
}

function describe({ experiment, steps, timing }: Planned): object {
  return { name: experiment.name, timing, steps: steps.map(labelOf) }
}

function isSame(a: StepOfRun, b: StepOfRun): boolean {
  return a.experiment === b.experiment && a.label === b.label && a.repeat === b.repeat
}

/** The last line is incomplete where the run was killed while it wrote. */
function parsed(line: string): Line[] {
  try {
    return [JSON.parse(line, fromMaps) as Line]
  } catch {
    return []
  }
}

function withMaps(_: string, value: unknown): unknown {
  return value instanceof Map ? { map: [...value] } : value
}

function fromMaps(_: string, value: unknown): unknown {
  const isMap = typeof value === 'object' && value !== null && 'map' in value && Array.isArray(value.map)
  return isMap ? new Map(value.map as [unknown, unknown][]) : value
}
