import { expect, it } from 'vitest'
import { type Attempt, testInsertText } from './load.ts'
import { compare, type FoundRow } from './row-ledger.ts'

const times = { sentMs: 0, endedMs: 1, answer: '' }
const text = (outcome: Attempt['outcome'], texts: string[], ids: number[] = []): Attempt => ({
  ...times,
  ...{ kind: ids.length > 0 ? 'text' : 'bulk', outcome, texts, ids },
})
const testInsert = (outcome: Attempt['outcome'], ids: number[] = []): Attempt => ({
  ...times,
  ...{ kind: 'test-insert', outcome, texts: [testInsertText], ids },
})
const row = (id: number, stored: string): FoundRow => ({ table: 'simple_text', id, text: stored })
const clean = { lost: 0, duplicated: 0, storedThoughRefused: 0, torn: 0 }

it('finds nothing wrong where answers and rows agree', () => {
  const attempts = [
    text('acknowledged', ['a'], [1]),
    text('acknowledged', ['b', 'c']),
    text('refused', ['d']),
    text('unknown', ['e']),
    text('unknown', ['f']),
    testInsert('acknowledged', [5]),
    testInsert('unknown'),
  ]
  const rows = [row(1, 'a'), row(2, 'b'), row(3, 'c'), row(4, 'e'), row(5, testInsertText)]
  expect(compare(attempts, rows)).toEqual({ ...clean, acknowledged: 4, found: 4 })
})

it.each([
  ['an acknowledged row is missing', [text('acknowledged', ['a'], [1])], [], { lost: 1 }],
  ['it has another id', [text('acknowledged', ['a'], [1])], [row(2, 'a')], { lost: 1 }],
  ['a row of a stream is missing', [text('acknowledged', ['a', 'b'])], [row(1, 'a')], { lost: 1, torn: 1 }],
  ['it is there twice', [text('acknowledged', ['a'], [1])], [row(1, 'a'), row(2, 'a')], { duplicated: 1 }],
  [
    'two requests got one id',
    [testInsert('acknowledged', [1]), testInsert('acknowledged', [1])],
    [row(1, testInsertText)],
    { duplicated: 1 },
  ],
  ['a refused row is there', [text('refused', ['a'])], [row(1, 'a')], { storedThoughRefused: 1 }],
  [
    'a refused row without a text of its own is there',
    [testInsert('refused')],
    [row(1, testInsertText)],
    { storedThoughRefused: 1 },
  ],
  ['a stream is stored in part', [text('unknown', ['a', 'b'])], [row(1, 'a')], { torn: 1 }],
] as const)('sees that %s', (_, attempts, rows, wrong) => {
  expect(compare(attempts, rows)).toMatchObject({ ...clean, ...wrong })
})
