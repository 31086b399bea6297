import { readdirSync, readFileSync } from 'node:fs'
import { dirname, join, relative } from 'node:path'
import { fileURLToPath } from 'node:url'

const src = fileURLToPath(new URL('../../src', import.meta.url))

/** Names of parts of the code, each with the parts that it imports from. */
export type ImportGraph = ReadonlyMap<string, ReadonlySet<string>>

/**
 * Reads the relative imports of every TypeScript file below `src`.
 *
 * @param partOf gives the part that a file belongs to, by its path relative to `src`; null leaves the file out
 */
export function importGraph(partOf: (path: string) => string | null): ImportGraph {
  const graph = new Map<string, Set<string>>()
  for (const path of readdirSync(src, { recursive: true, encoding: 'utf8' })) {
    const part = path.endsWith('.ts') ? partOf(path) : null
    if (part === null) continue
    const targets = graph.get(part) ?? new Set()
    graph.set(part, targets)
    for (const imported of importsOf(path)) {
      const target = partOf(imported)
      if (target !== null && target !== part) targets.add(target)
    }
  }
  return graph
}

function importsOf(path: string): string[] {
  const file = join(src, path)
  const found = readFileSync(file, 'utf8').matchAll(/(?:from|import\()\s*'(\.[^']+)'/g)
  return [...found].map(([, imported = '']) => relative(src, join(dirname(file), imported)))
}

/** Takes away, again and again, the parts that import from none of those left; what remains is in a circle or uses one. */
export function inCircles(graph: ImportGraph): string[] {
  const left = new Map(graph)
  const isFree = ([, targets]: [string, ReadonlySet<string>]) => ![...targets].some(one => left.has(one))
  for (let free = [...left].filter(isFree); free.length > 0; free = [...left].filter(isFree)) {
    for (const [name] of free) left.delete(name)
  }
  return [...left.keys()]
}

/**
 * Leaves out each arrow that a longer way shows too: of a -> b, b -> c and a -> c the last one. The graph must have no
 * circles.
 */
export function withoutShortcuts(graph: ImportGraph): ImportGraph {
  const reach = (from: string): string[] => [...(graph.get(from) ?? [])].flatMap(one => [one, ...reach(one)])
  return new Map(
    [...graph].map(([name, targets]) => {
      const byWayOfOthers = new Set([...targets].flatMap(reach))
      return [name, new Set([...targets].filter(one => !byWayOfOthers.has(one)))]
    }),
  )
}
