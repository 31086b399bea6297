import { readFileSync } from 'node:fs'
import { expect, it } from 'vitest'
import { ownService } from '../../src/lab/stack/service-process.ts'

const read = (path: string) => readFileSync(new URL(`../../${path}`, import.meta.url), 'utf8')
const { scripts } = JSON.parse(read('package.json')) as { scripts: { start: string } }

it('the container starts the service as npm does, but for the limit that its memory sets', () => {
  const command = /^CMD (\[.*\])$/m.exec(read('deploy/docker/Dockerfile'))?.[1] ?? 'no CMD'
  const expected = scripts.start.split(' ').filter(each => !each.startsWith('--max-old-space-size='))
  expect(JSON.parse(command)).toEqual(expected)
})

it('the lab starts the service as npm does, with its own options before the file', () => {
  expect(['node', ...ownService().args].join(' ')).toBe(scripts.start)
  expect(['node', ...ownService(['--inspect']).args].join(' ')).toBe(
    scripts.start.replace(/ (\S+)$/, ' --inspect $1'),
  )
})

it('each option is one that Node documents', () => {
  const options = scripts.start.split(' ').filter(each => each.startsWith('--'))
  expect(options.length).toBeGreaterThan(0)
  for (const option of options) {
    expect(process.allowedNodeEnvironmentFlags.has(option.replace(/=.*/, '')), option).toBe(true)
  }
})
