import { readdirSync, readFileSync } from 'node:fs'
import { dirname, join, relative, sep } from 'node:path'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'

const lab = fileURLToPath(new URL('../../src/lab', import.meta.url))

/** The folder of a file below src/lab; a file directly in src/lab stands for itself. */
function unitOf(file: string): string {
  return relative(lab, file).split(sep)[0] ?? ''
}

function importsOf(file: string): string[] {
  const found = readFileSync(file, 'utf8').matchAll(/(?:from|import\()\s*'(\.[^']+)'/g)
  return [...found].map(([, path = '']) => join(dirname(file), path))
}

/** Every folder with the folders that it imports from. */
function folderImports(): Map<string, Set<string>> {
  const graph = new Map<string, Set<string>>()
  for (const file of readdirSync(lab, { recursive: true, encoding: 'utf8' })) {
    if (!file.endsWith('.ts')) continue
    const path = join(lab, file)
    const targets = graph.get(unitOf(path)) ?? new Set()
    graph.set(unitOf(path), targets)
    for (const imported of importsOf(path)) targets.add(unitOf(imported))
    targets.delete(unitOf(path))
  }
  return graph
}

/** Takes away, again and again, the folders that import from none of those left; what remains is in a circle or uses one. */
function inCircles(graph: ReadonlyMap<string, ReadonlySet<string>>): string[] {
  const left = new Map(graph)
  const isFree = ([, targets]: [string, ReadonlySet<string>]) => ![...targets].some(one => left.has(one))
  for (let free = [...left].filter(isFree); free.length > 0; free = [...left].filter(isFree)) {
    for (const [name] of free) left.delete(name)
  }
  return [...left.keys()]
}

test('no two folders of the lab import from each other, not even by way of others', () => {
  const graph = folderImports()
  expect(graph.get('run')).toContain('stack')
  expect(inCircles(graph)).toEqual([])
})

test('analysis and report do not import what measures', () => {
  const graph = folderImports()
  expect([...(graph.get('analysis') ?? [])].sort()).toEqual(['results.ts'])
  expect([...(graph.get('report') ?? [])].sort()).toEqual(['analysis', 'results.ts'])
})
