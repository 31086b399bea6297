import type { Target, TestBed } from './test-bed.ts'

export interface FixedBedOptions {
  readonly target: Target
  /** The service that the target is compared with. */
  readonly control?: Target | null
  readonly postgresVersion?: string | null
  /** Called before each step; throws where there is no sense in going on. */
  readonly before?: () => Promise<void>
}

/** Services that are there already: the lab sets no knob and empties no table. Each is new only once. */
export function fixedBed(options: FixedBedOptions): TestBed {
  const { target, control = null, postgresVersion = null, before } = options
  const seen = new Set<Target>()
  const given = (one: Target): Target => {
    const isNew = one.isNew && !seen.has(one)
    seen.add(one)
    return { ...one, isNew }
  }
  return {
    unavailableBecause: () => Promise.resolve(null),
    async prepare() {
      await before?.()
      return { target: given(target), control: control && given(control) }
    },
    retire: () => Promise.resolve(),
    postgresVersion: () => postgresVersion,
    [Symbol.asyncDispose]: () => Promise.resolve(),
  }
}
