import { readFile, writeFile } from 'node:fs/promises'
import { cpus, totalmem } from 'node:os'
import { fileURLToPath } from 'node:url'
import { markdownTable } from '../helpers/drawn-page.ts'
import type { Result } from './fault.ts'
import type { Comparison } from './row-ledger.ts'

const readme = fileURLToPath(new URL('README.md', import.meta.url))
const [begin, end] = ['<!-- faults: begin -->', '<!-- faults: end -->']
const columns = [
  'fault',
  'requests',
  'requests/s',
  'rows acknowledged',
  'found',
  'lost',
  'duplicated',
  'stored though refused',
  'first insert after, ms',
  'last failure after, ms',
  'connections asked',
  'answers',
]

/** Writes the row of a fault into README.md, in the place of its older one, if `INSERTLAB_WRITE_FAULTS=1`. */
export async function writeRow(name: string, row: { requests: number } & Comparison & Result): Promise<void> {
  if (process.env['INSERTLAB_WRITE_FAULTS'] !== '1') return
  const text = await readFile(readme, 'utf8')
  const [before = '', old = ''] = text.split(begin)
  const [table = '', after = ''] = old.split(end)
  const rows = new Map(
    table
      .split('\n')
      .filter(line => line.startsWith('|'))
      .slice(2)
      .map(cellsOf)
      .map(cells => [cells[0], cells]),
  )
  rows.set(name, rowOf(name, row))
  // The order of the files differs from run to run.
  const sorted = [...rows].sort(([a = ''], [b = '']) => a.localeCompare(b, 'en')).map(([, cells]) => cells)
  const lines = ['', '', machine(), '', markdownTable(columns, sorted), '', '']
  await writeFile(readme, `${before}${begin}${lines.join('\n')}${end}${after}`)
}

function rowOf(name: string, row: { requests: number } & Comparison & Result): string[] {
  const answers = Object.entries(row.answers).map(([answer, count]) => `${answer} ${count}`)
  const { requests, ratePerS, acknowledged, found, lost, duplicated, storedThoughRefused } = row
  const figures = [requests, ratePerS, acknowledged, found, lost, duplicated, storedThoughRefused]
  const all = [name, ...figures, row.firstInsertMs, row.lastFailureMs, row.connectionsAsked]
  return [...all.map(String), answers.join(', ')]
}

function cellsOf(line: string): string[] {
  return line
    .split('|')
    .slice(1, -1)
    .map(cell => cell.trim())
}

function machine(): string {
  const date = new Date().toISOString().slice(0, 10)
  const { model = 'unknown CPU' } = cpus()[0] ?? {}
  return `Newest row: ${date}, Node ${process.versions.node}, ${cpus().length} cores (${model}), ${Math.round(totalmem() / 1e9)} GB. Service, PostgreSQL and load share them.`
}
