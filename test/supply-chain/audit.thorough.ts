import { expect, test } from 'vitest'
import { run } from '../programs.ts'

interface Audit {
  metadata?: { vulnerabilities: Record<string, number> }
  vulnerabilities?: Record<string, { severity: string; name: string }>
  message?: string
}

test('npm audit knows of nothing high or critical', async context => {
  const { stdout, output } = await run('npm', ['audit', '--json'])
  const { metadata, vulnerabilities = {}, message = output } = readAudit(stdout)
  if (metadata === undefined) {
    console.warn(`skipped: the registry gives no advice: ${message.split('\n', 1)[0]}`)
    return context.skip()
  }
  console.log(`npm audit: ${JSON.stringify(metadata.vulnerabilities)}`)
  const grave = Object.values(vulnerabilities).filter(({ severity }) => /^(high|critical)$/.test(severity))
  expect(grave.map(({ name, severity }) => `${name}: ${severity}`)).toEqual([])
})

/** npm writes no JSON where it gives up early. */
function readAudit(text: string): Audit {
  try {
    return JSON.parse(text) as Audit
  } catch {
    return {}
  }
}
