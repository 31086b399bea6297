import { readFile, rm } from 'node:fs/promises'
import { expect, onTestFinished, test } from 'vitest'
import packageJson from '../../package.json' with { type: 'json' }
import { repository, run } from '../programs.ts'

interface Component {
  name: string
  version: string
  properties?: { name: string; value: string }[]
}

const file = `${repository}/sbom.cdx.json`
const isForDevelopment = ({ properties = [] }: Component) =>
  properties.some(({ name }) => name === 'cdx:npm:package:development')

/** With `--omit=dev` npm 11 leaves out every package that a tool needs too, `pg` for example: hence all, marked. */
test('npm run sbom writes what the service consists of, and marks the tools', async () => {
  onTestFinished(() => rm(file, { force: true }))
  const { code, output } = await run('npm', ['run', 'sbom'])
  expect(code, output).toBe(0)
  const { bomFormat, components } = JSON.parse(await readFile(file, 'utf8')) as {
    bomFormat: string
    components: Component[]
  }
  expect(bomFormat).toBe('CycloneDX')
  const versions = new Map(components.map(component => [component.name, component]))
  for (const [name, version] of Object.entries(packageJson.dependencies)) {
    const component = versions.get(name)
    expect(component, name).toMatchObject({ version })
    expect(component && isForDevelopment(component), name).toBe(false)
  }
  for (const name of ['vitest', 'fast-check', 'typescript']) {
    const component = versions.get(name)
    expect(component && isForDevelopment(component), name).toBe(true)
  }
})
