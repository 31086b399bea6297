import { test } from 'vitest'
import { Environment } from '../../src/service/config.ts'
import { expectDrawn, markdownTable } from '../helpers/drawn-page.ts'

interface Variable {
  readonly title: string
  readonly description: string
  readonly default?: string | number
}

test('docs/configuration.md has the table that the schema gives', () => {
  const rows = Object.entries(Environment.properties).map(([name, schema]) => {
    const { title, description, default: fallback } = schema as unknown as Variable
    return [`\`${name}\``, description, fallback === undefined ? '' : `\`${fallback}\``, title]
  })
  const table = markdownTable(['variable', 'takes', 'default', 'what it does'], rows)
  expectDrawn('docs/configuration.md', /(?<=<!-- table: [^\n]* -->\n).*?(?=<!-- end -->)/s, `\n${table}\n\n`)
})
