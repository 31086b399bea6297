import { LabError } from '../errors.ts'
import { autocannonGenerator } from './autocannon.ts'
import type { LoadGenerator } from './generator.ts'
import { findK6 } from './k6.ts'

/** What a step needs from its generator. */
export interface Need {
  /** The generator must take little of the machine: then the one that costs least is right. */
  readonly ceiling: boolean
}

/**
 * Gives the generator for each step: k6 where it is installed, autocannon where it is not and for ceilings,
 * unless one was asked for by name. Throws LAB_LOAD_GENERATOR when k6 was asked for and is not there.
 */
export function generatorChoice(wanted?: LoadGenerator['name']): (need: Need) => LoadGenerator {
  if (wanted === 'autocannon') return () => autocannonGenerator
  const k6 = findK6()
  if (wanted === 'k6' && k6 === null) {
    throw new LabError(
      'LAB_LOAD_GENERATOR',
      'k6 is not on the PATH',
      'Install it (https://grafana.com/docs/k6/latest/set-up/install-k6/) or leave --generator out.',
    )
  }
  if (wanted === 'k6' && k6 !== null) return () => k6
  return ({ ceiling }) => (ceiling || k6 === null ? autocannonGenerator : k6)
}
