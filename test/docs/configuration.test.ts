import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { Environment } from '../../src/service/config.ts'
import { repository } from '../programs.ts'

const page = join(repository, 'docs/configuration.md')
const table = /(<!-- table: [^\n]* -->\n).*?(<!-- end -->)/s

interface Variable {
  readonly title: string
  readonly description: string
  readonly default?: string | number
}

function draw(): string {
  const rows = Object.entries(Environment.properties).map(([name, schema]) => {
    const { title, description, default: fallback } = schema as unknown as Variable
    return [`\`${name}\``, description, fallback === undefined ? '' : `\`${fallback}\``, title]
  })
  const all = [['variable', 'takes', 'default', 'what it does'], ...rows]
  const widths = [0, 1, 2, 3].map(i => Math.max(...all.map(row => (row[i] ?? '').length)))
  const line = (cells: readonly string[]) =>
    `| ${cells.map((cell, i) => cell.padEnd(widths[i] ?? 0)).join(' | ')} |`
  const rule = `| ${widths.map(width => '-'.repeat(width)).join(' | ')} |`
  const [head = [], ...body] = all
  return ['', line(head), rule, ...body.map(line), ''].join('\n')
}

test('docs/configuration.md has the table that the schema gives', () => {
  const text = readFileSync(page, 'utf8')
  const drawn = text.replace(table, `$1${draw().replaceAll('$', '$$$$')}\n$2`)
  if (process.env['WRITE_CONFIGURATION'] === '1') writeFileSync(page, drawn)
  else expect(text, 'WRITE_CONFIGURATION=1 renews it').toBe(drawn)
})
