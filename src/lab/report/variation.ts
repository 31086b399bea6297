import type { Knobs, Sample } from '../results.ts'
import { formatSetting } from './format.ts'

/** One property of a sample that an experiment can vary: a setting, or a part of the load. */
export interface Dimension {
  name: string
  /** null where a sample has no such property. */
  read: (sample: Sample) => Knobs[string] | null
}

/** Splits what the samples have in common from what the experiment varied. */
export function splitDimensions(samples: readonly Sample[]): { held: Dimension[]; varied: Dimension[] } {
  const all = dimensionsOf(samples)
  return {
    held: all.filter(dimension => distinct(samples, dimension).length === 1),
    varied: all.filter(dimension => distinct(samples, dimension).length > 1),
  }
}

/** The values a dimension takes, in order of appearance. */
export function distinct(samples: readonly Sample[], dimension: Dimension): (Knobs[string] | null)[] {
  return [...new Set(samples.map(dimension.read))]
}

/** A dimension's setting in words: `connections 64`, `accessLog off`, `strategy batched`. */
export function describeSetting(dimension: Dimension, sample: Sample): string {
  return `${dimension.name} ${describeValue(dimension.read(sample))}`
}

/** A setting's value in words; booleans read on and off. */
export function describeValue(value: Knobs[string] | null): string {
  if (value === null) return 'unset'
  if (typeof value === 'boolean') return value ? 'on' : 'off'
  return typeof value === 'number' ? formatSetting(value) : value
}

function dimensionsOf(samples: readonly Sample[]): Dimension[] {
  const load: Dimension[] = [
    { name: 'connections', read: sample => sample.load.connections ?? null },
    { name: 'rate', read: sample => sample.load.ratePerS ?? null },
  ]
  const isLoad = (name: string) => name === 'connections' || name === 'rate' || name === 'ratePerS'
  const knobNames = new Set(
    samples.flatMap(sample => Object.keys(sample.knobs)).filter(name => !isLoad(name)),
  )
  const knobs = [...knobNames].map(
    (name): Dimension => ({ name, read: sample => sample.knobs[name] ?? null }),
  )
  return [...load, ...knobs].filter(dimension => samples.some(sample => dimension.read(sample) !== null))
}
