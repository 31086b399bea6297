import type { StartedService } from '../inside/started-service.ts'
import type { RequestTemplate } from '../load/templates.ts'
import type { Target, TestBed } from '../run/test-bed.ts'
import { requireSuccess } from './first-request.ts'

/**
 * A service of the user: the lab sets no knob and empties no table, and reads from outside what
 * it is let see. Before each step it makes sure that the target still answers. If the lab started it and it has ended,
 * the error says how.
 */
export function attachedBed(
  target: Target,
  request: RequestTemplate,
  signal: AbortSignal,
  started: StartedService | null,
): TestBed {
  let { isNew } = target
  return {
    unavailableBecause: () => Promise.resolve(null),
    async prepare() {
      try {
        await requireSuccess(target.url, request, signal, target.connection)
      } catch (error) {
        await started?.requireRunning()
        throw error
      }
      const prepared = { ...target, isNew }
      isNew = false
      return prepared
    },
    retire: () => Promise.resolve(),
    postgresVersion: () => null,
    [Symbol.asyncDispose]: () => Promise.resolve(),
  }
}
