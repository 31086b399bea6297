import { LabError } from '../errors.ts'
import type { LoadGenerator, LoadPlan, LoadShape } from './generator.ts'
import { findK6 } from './k6.ts'
import { undiciGenerator } from './undici.ts'
import { findWrk, wrkCanSend } from './wrk.ts'

export const generatorNames: readonly LoadGenerator['name'][] = ['k6', 'undici', 'wrk']

export const generatorHelp = 'send all load with this generator; another one sends what wrk cannot send'

/** What a step needs from its generator. */
export interface Need {
  /** k6 where it is installed; without this the one that costs least. */
  readonly usualGenerator?: boolean
  /** The step is about this very one. */
  readonly generator?: LoadGenerator['name']
  readonly requests: LoadPlan['requests']
  readonly load: LoadShape
}

/** Those on this machine. */
export function installedGenerators(): LoadGenerator[] {
  return [findWrk(), undiciGenerator, findK6()].filter(generator => generator !== null)
}

/**
 * Gives the generator for each step: undici, or k6 where the step asks for the usual one and it is installed,
 * unless one was asked for by name, by the step or else by the user. Where the user asked for wrk, another sends what
 * wrk cannot send. Throws LAB_LOAD_GENERATOR when the one asked for is not there.
 */
export function generatorChoice(
  wanted?: LoadGenerator['name'],
  installed: readonly LoadGenerator[] = installedGenerators(),
): (need: Need) => LoadGenerator {
  const named = (name: LoadGenerator['name']) => {
    const found = installed.find(generator => generator.name === name)
    if (found !== undefined) return found
    throw new LabError(
      'LAB_LOAD_GENERATOR',
      `${name} is not on the PATH`,
      'Install it (k6: https://grafana.com/docs/k6/latest/set-up/install-k6/) or leave --generator out.',
    )
  }
  const asked = wanted === undefined ? null : named(wanted)
  const usual = installed.find(({ name }) => name === 'k6') ?? undiciGenerator
  return ({ usualGenerator = false, generator, requests, load }) => {
    if (generator !== undefined) return named(generator)
    const canSend = asked?.name !== 'wrk' || wrkCanSend({ requests, shape: load })
    return asked !== null && canSend ? asked : usualGenerator ? usual : undiciGenerator
  }
}
