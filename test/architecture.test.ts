import { dirname, sep } from 'node:path'
import { expect, test } from 'vitest'
import { expectDrawn } from './helpers/drawn-page.ts'
import { type ImportGraph, importGraph, inCircles, withoutShortcuts } from './helpers/folder-imports.ts'

/** The large parts: service, telemetry, ledger, dashboards, lab. */
const parts = importGraph(path => path.split(sep)[0] ?? null)
/** The folders of the lab. Files directly in src/lab stand for themselves, because two of them only connect the rest. */
const labFolders = importGraph(path => {
  const [part, unit = null] = path.split(sep)
  return part === 'lab' ? unit : null
})

test('the service imports telemetry, telemetry imports the ledger, and nothing imports the other way', () => {
  const arrows = [...parts].map(([name, targets]) => [name, [...targets].sort()])
  expect(Object.fromEntries(arrows)).toEqual({
    service: ['ledger', 'telemetry'],
    telemetry: ['ledger'],
    ledger: [],
    dashboards: ['telemetry'],
    lab: [],
  })
})

test('the dashboards know nothing of telemetry but its metric names', () => {
  const files = importGraph(path => (path.startsWith('dashboards') ? 'dashboards' : path))
  expect([...(files.get('dashboards') ?? [])]).toEqual([`telemetry${sep}metric-names.ts`])
})

test('the ledger is used by one file of the service only: the one that shares the CPU of a batch', () => {
  const files = importGraph(path => (dirname(path) === 'ledger' ? 'ledger' : path))
  const users = [...files].filter(([path, targets]) => path.startsWith('service') && targets.has('ledger'))
  expect(users.map(([path]) => path)).toEqual(['service/store/group-commit.ts'.replaceAll('/', sep)])
})

test('no two folders of the lab import from each other, not even by way of others', () => {
  expect(labFolders.get('run')).toContain('stack')
  expect(inCircles(labFolders)).toEqual([])
})

test('analysis and report do not import what measures', () => {
  expect([...(labFolders.get('analysis') ?? [])].sort()).toEqual(['results.ts'])
  expect([...(labFolders.get('report') ?? [])].sort()).toEqual(['analysis', 'results.ts'])
})

test('the drawing in ARCHITECTURE.md is the one that the imports give', () => {
  expectDrawn('ARCHITECTURE.md', /(?<=```mermaid\n).*?(?=```)/s, draw())
})

/** Arrows that a longer way shows too are left out; so are errors, secrets and the schema of results, which all folders use. */
function draw(): string {
  const isFolder = (name: string) => !name.includes('.')
  const folders = new Map(
    [...labFolders]
      .filter(([name]) => isFolder(name))
      .map(([name, targets]) => [name, new Set([...targets].filter(isFolder))]),
  )
  const large = new Map([...parts].filter(([name]) => name !== 'lab'))
  return [
    'flowchart TD',
    ...arrowsOf(withoutShortcuts(large), name => name),
    '  subgraph lab',
    ...arrowsOf(withoutShortcuts(folders), name => `lab-${name}[${name}]`).map(line => `  ${line}`),
    '  end',
    '',
  ].join('\n')
}

function arrowsOf(graph: ImportGraph, nodeOf: (name: string) => string): string[] {
  return [...graph]
    .toSorted(([a], [b]) => a.localeCompare(b))
    .flatMap(([name, targets]) =>
      [...targets].sort().map(target => `  ${nodeOf(name)} --> ${nodeOf(target)}`),
    )
}
