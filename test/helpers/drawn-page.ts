import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect } from 'vitest'
import { repository } from '../programs.ts'

/**
 * Expects that a part of a page is what a test draws from the code. `WRITE_DOCS=1` renews it instead.
 *
 * @param page relative to the repository
 * @param part where the drawn text stands
 */
export function expectDrawn(page: string, part: RegExp, drawn: string): void {
  const file = join(repository, page)
  const text = readFileSync(file, 'utf8')
  expect(text).toMatch(part)
  const renewed = text.replace(part, () => drawn)
  if (process.env['WRITE_DOCS'] === '1') writeFileSync(file, renewed)
  else expect(text, 'WRITE_DOCS=1 renews it').toBe(renewed)
}

/** A table in Markdown whose columns are as wide as their longest cell, as the formatter has it. */
export function markdownTable(
  head: readonly string[],
  rows: readonly (readonly (string | number)[])[],
): string {
  const all = [head, ...rows].map(row => row.map(String))
  const widths = head.map((_, column) => Math.max(...all.map(row => row[column]?.length ?? 0)))
  const line = (cells: readonly string[]) =>
    `| ${cells.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join(' | ')} |`
  const [first = [], ...others] = all
  return [line(first), line(widths.map(width => '-'.repeat(width))), ...others.map(line)].join('\n')
}
