/**
 * Where a Python service's CPU goes, by package: what py-spy saw, each sample charged to the package of the function
 * that it found running.
 *
 * C and Cython code has no frames of its own here (py-spy can unwind them, at a price that slowed the service
 * thirtyfold): it is charged to the Python function that called it, which is right for orjson or httptools'
 * parser called from uvicorn. What the event loop calls from C, without Python between, is charged to `event loop`:
 * uvloop itself, its system calls, and the part of asyncpg's protocol that reads the database's answers.
 */
import type { LayerShares } from './cpu-layers.ts'
import { foldStacks, type Stack } from './stacks.ts'

/** Folds the output of `py-spy record --format raw --full-filenames`; null where it saw nothing. */
export function pythonLayers(raw: string): LayerShares | null {
  return foldStacks(parseCollapsed(raw), layerOfFrame, 'standard library')
}

/** Parses collapsed stacks: a line each, frames from outermost to innermost between semicolons, then a count. */
export function parseCollapsed(text: string): Stack<string>[] {
  return text.split('\n').flatMap(line => {
    const [, stack, count] = /^(.+) (\d+)$/.exec(line) ?? []
    return stack === undefined ? [] : [{ frames: stack.split(';'), weight: Number(count) }]
  })
}

/** A frame reads `function (/path/of/file.py:12)`. */
function layerOfFrame(frame: string): string | null {
  const file = /\((.+?)(?::\d+)?\)$/.exec(frame)?.[1]
  if (file === undefined || !file.endsWith('.py')) return null
  const inPackage = /\/(?:site|dist)-packages\/([^/]+?)(?:\.py)?(?:\/|$)/.exec(file)?.[1]
  if (inPackage !== undefined) return inPackage === 'uvloop' ? eventLoop : inPackage
  if (/\/python3[^/]*\/asyncio\//.test(file)) return eventLoop
  return /\/python3[^/]*\//.test(file) ? null : `own code: ${/([^/]*\/)[^/]*$/.exec(file)?.[1] ?? './'}`
}

const eventLoop = 'event loop'
