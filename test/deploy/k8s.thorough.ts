import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { Document } from 'yaml'
import { results, samples } from '../lab/plan/known-costs.ts'
import { available, run } from '../programs.ts'
import { canRender, type Manifest, render } from './manifests.ts'
import { collectSchemas, kubernetesVersions } from './schemas.ts'

const hasPrograms = [
  canRender,
  ...['kubeconform', 'k6', 'go', 'cargo', 'pip', 'python3'].map(available),
].every(Boolean)

describe.skipIf(!hasPrograms)('schemas', () => {
  let schemas: string

  beforeAll(async () => {
    schemas = await mkdtemp(join(tmpdir(), 'insertlab-schemas-'))
    await collectSchemas(schemas)
    // The run that overlays/*/load sends.
    const { code, output } = await run('deploy/k8s/load/bundle', ['insert', '--quiet', '-e', 'VUS=8'])
    expect(code, output).toBe(0)
  })
  afterAll(() => rm(schemas, { recursive: true }))

  // As JSON, which is YAML in every version of it: one of them takes `off` for a boolean.
  async function check(manifests: readonly unknown[], version: string) {
    const file = join(schemas, 'manifests.yaml')
    await writeFile(file, manifests.map(manifest => JSON.stringify(manifest)).join('\n---\n'))
    return run('kubeconform', [
      '-strict',
      '-summary',
      '-output=json',
      `-kubernetes-version=${version}`,
      `-schema-location=${schemas}/${version}/{{ .ResourceKind }}{{ .KindSuffix }}.json`,
      `-schema-location=${schemas}/{{ .Group }}/{{ .ResourceKind }}_{{ .ResourceAPIVersion }}.json`,
      file,
    ])
  }

  const overlays = ['kind', 'operators', 'gke', 'operators/load', 'gke/load']
  const cases = overlays.flatMap(overlay => kubernetesVersions.map(version => ({ overlay, version })))
  test.each(cases)(
    'every object of $overlay is valid in Kubernetes $version',
    async ({ overlay, version }) => {
      const manifests = await render(`overlays/${overlay}`)
      const { code, stdout, output } = await check(manifests, version)
      expect(code, output).toBe(0)
      expect(JSON.parse(stdout).summary).toEqual({
        valid: manifests.length,
        invalid: 0,
        errors: 0,
        skipped: 0,
      })
    },
  )

  test('a plan that is written as an overlay is valid, and its load too', async () => {
    const mine = join(schemas, 'mine')
    const file = join(schemas, 'results.json')
    await writeFile(file, JSON.stringify(results(samples)))
    const plan = ['src/lab/cli.ts', 'plan', '--rate', '100000', '--from', file, '--write', mine]
    const written = await run(process.execPath, plan)
    expect(written.code, written.output).toBe(0)
    const manifests = [...(await render(mine)), ...(await render(join(mine, 'load')))]
    const { code, output } = await check(manifests, kubernetesVersions[0])
    expect(code, output).toBe(0)
    const deployed = manifests.filter(
      ({ kind, metadata }) => kind === 'Deployment' && metadata.name === 'service',
    )
    const [replicas] = deployed.map(({ spec }) => (spec as { replicas: number }).replicas)
    expect(written.output).toContain(`${replicas} pods`)
  })

  test.each([
    { kind: 'Deployment', path: ['spec', 'template', 'spec', 'replicas'], value: 1 },
    { kind: 'PodMonitor', path: ['spec', 'podMetricsEndpoints', 0, 'intervall'], value: '5s' },
    { kind: 'ScaledObject', path: ['spec', 'triggers', 0, 'metric'], value: 'x' },
    { kind: 'Cluster', path: ['spec', 'postgresql', 'parameter'], value: {} },
    { kind: 'Pooler', path: ['spec', 'pgbouncer', 'poolMode'], value: 'statement' },
    { kind: 'TestRun', path: ['spec', 'parallelism'], value: 'four' },
  ])('a mistake in a $kind is found', async ({ kind, path, value }) => {
    const all = (await Promise.all(overlays.map(overlay => render(`overlays/${overlay}`)))).flat()
    const object = all.find(each => each.kind === kind)
    const spoilt = new Document(object)
    spoilt.setIn(path, value)
    expect((await check([object], kubernetesVersions[0])).code).toBe(0)
    const { code, stdout } = await check([spoilt], kubernetesVersions[0])
    expect(code).not.toBe(0)
    expect(JSON.parse(stdout).summary).toMatchObject({ invalid: 1, errors: 0 })
  })

  test('a run carries the scenario unharmed, under an id of its own', async () => {
    const first = await render('overlays/operators/load')
    const scenario = first.find(({ data }) => data !== undefined && 'scenario.tar' in data)
    const archive = join(schemas, 'scenario.tar')
    await writeFile(archive, scenario?.data?.['scenario.tar'] ?? '')
    expect(await readFile(archive)).toEqual(await readFile('deploy/k8s/load/scenario.tar'))

    const testRun = first.find(({ kind }) => kind === 'TestRun') as Manifest
    const spec = testRun.spec as { arguments: string; script: { configMap: { name: string } } }
    expect(testRun.metadata.name).toMatch(/^insert-\d{8}-\d{6}$/)
    expect(spec.arguments).toBe(`--tag testid=${testRun.metadata.name}`)
    expect(spec.script.configMap.name).toBe(scenario?.metadata.name)
    const { stdout } = await run('k6', ['inspect', archive])
    expect(JSON.parse(stdout).scenarios.insert.vus).toBe(8)
  })
})
