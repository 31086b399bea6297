import { describe, expect, test } from 'vitest'
import { available, run } from '../programs.ts'

// Only here: CI has no engine, and `config` needs none, but it needs the plugin.
const hasCompose =
  !process.env['CI'] && available('docker') && (await run('docker', ['compose', 'version'])).code === 0

describe.skipIf(!hasCompose)('docker compose config', () => {
  test('accepts compose.yaml without a .env', async () => {
    const { code, output } = await run('docker', ['compose', '--env-file', '/dev/null', 'config', '--quiet'])
    expect(code, output).toBe(0)
  })

  test.each(['profiling', 'load', 'peers'])('accepts the profile %s', async profile => {
    const { code, output } = await run('docker', ['compose', '--profile', profile, 'config', '--quiet'])
    expect(code, output).toBe(0)
  })

  test('accepts it with .env.example', async () => {
    const { code, stdout, output } = await run('docker', ['compose', '--env-file', '.env.example', 'config'])
    expect(code, output).toBe(0)
    expect(stdout).toContain('PGPASSWORD: change-me-too')
  })
})
