import { globSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { available, repository, run } from '../programs.ts'

const files = (pattern: string) => globSync(pattern, { cwd: repository })

describe.skipIf(!available('promtool'))('promtool', () => {
  test('accepts the configuration and every rule', async () => {
    const { code, output } = await run('promtool', ['check', 'config', 'prometheus/prometheus.yml'])
    expect(output).toContain(`${files('prometheus/rules/*.yml').length} rule files found`)
    expect(code, output).toBe(0)
  })

  test('passes the tests of the rules', async () => {
    const { code, output } = await run('promtool', ['test', 'rules', ...files('prometheus/tests/*.test.yml')])
    expect(code, output).toBe(0)
  })
})
