import { createRequire } from 'node:module'
import toFastProperties from 'to-fast-properties'

/**
 * Makes what packages export fast to read; for those that have been loaded by now.
 *
 * Compiled TypeScript defines its exports one after the other, the passed on ones as getters, and of more than a few V8
 * makes a hash table, which it searches at each use, also from optimised code: 9.4 ns instead of 0.2. A traced insert
 * reads those of OpenTelemetry 80 times.
 *
 * Only of modules that were ES modules in their source, whose exports do not change any more: V8 expects that of
 * whatever has been made fast this way, and throws code away where it is wrong.
 */
export function keepExportsFast(): void {
  for (const module of Object.values(createRequire(import.meta.url).cache)) {
    if (module?.exports?.__esModule === true) toFastProperties(module.exports)
  }
}
