import type { RequestTemplate } from '../load/templates.ts'
import type { Target, TestBed } from '../run/test-bed.ts'
import { requireSuccess } from './first-request.ts'

/**
 * A service of the user: the lab sets no knob and empties no table, and reads from outside what
 * it is let see. Before each step it makes sure that the target still answers.
 */
export function attachedBed(target: Target, request: RequestTemplate, signal: AbortSignal): TestBed {
  let { isNew } = target
  return {
    unavailableBecause: () => Promise.resolve(null),
    async prepare() {
      await requireSuccess(target.url, request, signal, target.connection)
      const prepared = { ...target, isNew }
      isNew = false
      return prepared
    },
    retire: () => Promise.resolve(),
    postgresVersion: () => null,
    [Symbol.asyncDispose]: () => Promise.resolve(),
  }
}
