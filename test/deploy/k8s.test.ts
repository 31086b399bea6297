import { readdirSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { describe, expect, test } from 'vitest'
import { parse, stringify } from 'yaml'
import { readConfig } from '../../src/service/config.ts'
import { knownMetrics, serviceMetrics } from '../dashboards/known-metrics.ts'
import { selectorsOf } from '../dashboards/promql.ts'
import { type Container, canRender, type Manifest, type Pod, render } from './manifests.ts'

const root = new URL('../../', import.meta.url)
const text = (path: string) => readFile(new URL(path, root), 'utf8')
const yaml = async (path: string) => parse(await text(path), { merge: true })
const compose = await yaml('compose.yaml')

/** Connections that a superuser, an exporter and a migration need beside the service (src/service/workers.ts). */
const reservedConnections = 10

interface Workload extends Manifest {
  spec: { replicas?: number; template: { spec: Pod } }
}

const isWorkload = (manifest: Manifest): manifest is Workload =>
  ['Deployment', 'StatefulSet', 'Job'].includes(manifest.kind)
const named = <T = Manifest>(manifests: readonly Manifest[], kind: string, name: string): T => {
  const found = manifests.find(each => each.kind === kind && each.metadata.name === name)
  if (found === undefined) throw new Error(`there is no ${kind} ${name}`)
  return found as T
}
const containersOf = ({ initContainers = [], containers }: Pod): Container[] => [
  ...initContainers,
  ...containers,
]
/** A ConfigMap that its name's hash follows. */
const settings = (manifests: readonly Manifest[], name: string): Record<string, string> =>
  manifests.find(({ kind, metadata }) => kind === 'ConfigMap' && metadata.name.startsWith(`${name}-`))
    ?.data ?? {}
const pathOf = (folder: string, file: string) => `${folder}/${file}`

const overlays = ['kind', 'operators', 'gke']
describe.skipIf(!canRender).each(overlays)('overlay %s', async overlay => {
  const manifests = canRender ? await render(`overlays/${overlay}`) : []
  const service = () => named<Workload>(manifests, 'Deployment', 'service').spec.template.spec
  const container = () => service().containers[0] as Container

  test('every pod is fit for the restricted pod security standard, and holds no key to the cluster', async () => {
    const workloads = manifests.filter(isWorkload)
    expect(workloads.length).toBeGreaterThanOrEqual(2)
    for (const { metadata, spec } of workloads) {
      const pod = spec.template.spec
      expect(pod.automountServiceAccountToken, metadata.name).toBe(false)
      expect(pod.securityContext, metadata.name).toMatchObject({
        runAsNonRoot: true,
        seccompProfile: { type: 'RuntimeDefault' },
      })
      for (const { name, image, securityContext, resources } of containersOf(pod)) {
        expect(securityContext?.runAsUser ?? pod.securityContext?.runAsUser, name).toBeGreaterThan(0)
        expect(securityContext, name).toMatchObject({
          allowPrivilegeEscalation: false,
          readOnlyRootFilesystem: true,
          capabilities: { drop: ['ALL'] },
        })
        expect(resources, name).toMatchObject({
          requests: { cpu: expect.anything(), memory: expect.anything() },
          limits: { memory: expect.anything() },
        })
        expect(image).toMatch(/^[a-z0-9./-]+:v?\d+\.\d+[\w.-]*$/)
      }
    }
  })

  test('only the migration knows the password of the role that owns the tables', () => {
    const secretsOf = (each: Workload) =>
      containersOf(each.spec.template.spec).flatMap(({ env = [] }) =>
        env.flatMap(({ valueFrom }) => valueFrom?.secretKeyRef?.name.replace(/-[a-z0-9]{10}$/, '') ?? []),
      )
    const workloads = manifests.filter(isWorkload)
    const knows = (secret: string) =>
      workloads.filter(each => secretsOf(each).includes(secret)).map(({ metadata }) => metadata.name)
    // kind's own PostgreSQL makes the roles.
    const maker = overlay === 'kind' ? ['postgres'] : []
    expect(knows('postgres-app').sort()).toEqual(['migrate', ...maker])
    expect(new Set(secretsOf(named<Workload>(manifests, 'Deployment', 'service')))).toEqual(
      new Set(['postgres-service']),
    )
  })

  test('what runs for long says whether it lives and whether it is ready', async () => {
    const long = manifests.filter(isWorkload).filter(({ kind }) => kind !== 'Job')
    for (const { spec } of long) {
      for (const each of spec.template.spec.containers) {
        expect(Object.keys(each), each.name).toEqual(
          expect.arrayContaining(['readinessProbe', 'livenessProbe']),
        )
      }
    }
  })

  test('runs the image as the image runs itself', () => {
    const { command, args, image } = container()
    expect({ command, args }).toEqual({ command: undefined, args: undefined })
    expect(image).toMatch(/insertlab-service:0\.1\.0$/)
    expect(compose.services.service.image).toBe('insertlab-service:0.1.0')
  })

  test('sets only what the service takes, and every pod one process', async () => {
    const environment = settings(manifests, 'service')
    expect(readConfig(environment)).toMatchObject({ WORKERS: 1, INSERT_STRATEGY: 'batched' })
    const reference = await text('docs/configuration.md')
    const foreign = /^(PG|OTEL_)/
    for (const name of Object.keys(environment).filter(each => !foreign.test(each))) {
      expect(reference).toContain(`\`${name}\``)
    }
  })

  test('is out of the endpoints before it drains, and has drained before it is killed', async () => {
    const { SHUTDOWN_GRACE_MS: shutdownGraceMs } = readConfig(settings(manifests, 'service'))
    const { terminationGracePeriodSeconds = 30 } = service()
    const preStopS = container().lifecycle?.preStop.sleep.seconds ?? 0
    expect(preStopS).toBeGreaterThanOrEqual(5)
    expect(preStopS + shutdownGraceMs / 1000).toBeLessThan(terminationGracePeriodSeconds)
  })

  test('all connections together stay under max_connections', async () => {
    const { POOL_SIZE: poolSize } = readConfig(settings(manifests, 'service'))
    // One more than asked for: a rolling update starts the new pod before an old one goes.
    const { pods, limit, ofPod } = await connectionPlan[overlay as keyof typeof connectionPlan](
      manifests,
      poolSize,
    )
    expect((pods + 1) * ofPod).toBeLessThanOrEqual(limit - reservedConnections)
  })

  test('an autoscaler asks only for metrics that exist, of our service only', async () => {
    const scalers = manifests.filter(({ kind }) => kind === 'ScaledObject')
    expect(scalers).toHaveLength(overlay === 'gke' ? 1 : 0)
    for (const { spec } of scalers) {
      for (const { metadata } of (spec as { triggers: { metadata: { query: string } }[] }).triggers) {
        for (const { metric, selector } of selectorsOf(metadata.query)) {
          expect(knownMetrics).toContain(metric)
          if (serviceMetrics.includes(metric)) expect(selector).toContain('job="service"')
        }
      }
    }
  })
})

test('rules and dashboards find the service by its job, whoever scrapes it', async () => {
  const monitor = await yaml('deploy/k8s/components/prometheus-operator/pod-monitor.yaml')
  const { metadata, spec } = await yaml('deploy/k8s/base/deployment.yaml')
  expect(spec.template.metadata.labels).toEqual(metadata.labels)
  expect(spec.template.metadata.labels).toMatchObject(monitor.spec.selector.matchLabels)
  expect(spec.template.metadata.labels[monitor.spec.jobLabel]).toBe('service')
  for (const path of ['prometheus/prometheus.yml', 'deploy/k8s/overlays/kind/prometheus.yml']) {
    const jobs = (await yaml(path)).scrape_configs.map(({ job_name: name }: { job_name: string }) => name)
    expect(jobs, path).toContain('service')
  }
})

/** Who opens connections to PostgreSQL, and how many it takes. */
const connectionPlan = {
  async kind(manifests: readonly Manifest[], ofPod: number) {
    const { spec } = named<Workload>(manifests, 'StatefulSet', 'postgres')
    const { args = [] } = spec.template.spec.containers[0] as Container
    const [, limit] = /max_connections=(\d+)/.exec(args.join(' ')) ?? []
    const pods = named<Workload>(manifests, 'Deployment', 'service').spec.replicas ?? 1
    return { pods, limit: Number(limit), ofPod }
  },
  /** The pooler's own connections; the service's go to the pooler, which takes as many as max_client_conn. */
  async operators(manifests: readonly Manifest[], fromPod: number) {
    const { spec: cluster } = named<{ spec: { postgresql: { parameters: Record<string, string> } } }>(
      manifests,
      'Cluster',
      'postgres',
    )
    const { spec: pooler } = named<{
      spec: { instances: number; pgbouncer: { parameters: Record<string, string> } }
    }>(manifests, 'Pooler', 'postgres-pooler')
    const { parameters } = pooler.pgbouncer
    const pods = named<Workload>(manifests, 'Deployment', 'service').spec.replicas ?? 1
    expect((pods + 1) * fromPod).toBeLessThanOrEqual(pooler.instances * Number(parameters['max_client_conn']))
    return {
      pods: pooler.instances,
      limit: Number(cluster.postgresql.parameters['max_connections']),
      ofPod: Number(parameters['default_pool_size']),
    }
  },
  async gke(manifests: readonly Manifest[], ofPod: number) {
    const { spec } = named<{ spec: { maxReplicaCount: number } }>(manifests, 'ScaledObject', 'service')
    const [, limit] =
      /max_connections=(\d+)/.exec(await text('deploy/k8s/overlays/gke/kustomization.yaml')) ?? []
    return { pods: spec.maxReplicaCount, limit: Number(limit), ofPod }
  },
}

describe('one source of truth', () => {
  test('the PrometheusRule holds the rules of prometheus/rules (npx vitest -u writes it)', async () => {
    const files = readdirSync(new URL('prometheus/rules/', root)).sort()
    const groups = await Promise.all(files.map(async file => (await yaml(`prometheus/rules/${file}`)).groups))
    const rule = {
      apiVersion: 'monitoring.coreos.com/v1',
      kind: 'PrometheusRule',
      metadata: { name: 'insertlab', labels: { release: 'kube-prometheus-stack' } },
      spec: { groups: groups.flat() },
    }
    await expect(
      `# Generated from prometheus/rules by test/deploy/k8s.test.ts: change those.\n${stringify(rule, { lineWidth: 0 })}`,
    ).toMatchFileSnapshot('../../deploy/k8s/components/prometheus-operator/prometheus-rule.yaml')
  })

  test('every dashboard and rule file is in a ConfigMap', async () => {
    const generated = async (folder: string) =>
      (await yaml(`${folder}/kustomization.yaml`)).configMapGenerator.flatMap(
        ({ files }: { files: string[] }) => files,
      )
    const json = readdirSync(new URL('grafana/dashboards/', root)).filter(file => file.endsWith('.json'))
    expect(await generated('grafana/dashboards')).toEqual(json.sort())
    const rules = readdirSync(new URL('prometheus/rules/', root)).map(file => pathOf('rules', file))
    expect(await generated('prometheus')).toEqual(rules.sort())
  })

  test('the data sources have the uids and settings that the dashboards expect', async () => {
    interface Source {
      name: string
      url: string
      isDefault?: boolean
    }
    const known = ({ datasources }: { datasources: Source[] }) =>
      datasources.map(({ name: _name, url, isDefault: _default, ...rest }) => ({
        ...rest,
        port: new URL(url).port,
      }))
    expect(known(await yaml('deploy/k8s/components/prometheus-operator/datasources.yml'))).toEqual(
      known(await yaml('grafana/provisioning/datasources/insertlab.yml')),
    )
  })

  test('k6 is told the same as in compose, but where to', async () => {
    const { spec } = await yaml('deploy/k8s/load/test-run.yaml')
    const environment = Object.fromEntries(
      spec.runner.env.map(({ name, value }: { name: string; value: string }) => [name, value]),
    )
    const { image, environment: known } = compose.services.k6
    expect(spec.runner.image).toBe(image)
    expect(spec.initializer.image).toBe(image)
    const elsewhere = ['K6_PROMETHEUS_RW_SERVER_URL', 'GOMEMLIMIT', 'BACKGROUND_RATE']
    const same = Object.entries(known).filter(([name]) => !elsewhere.includes(name))
    expect(environment).toMatchObject(Object.fromEntries(same))
  })
})

describe.skipIf(!canRender)('overlay kind is compose.yaml in a cluster', async () => {
  const manifests = canRender ? await render('overlays/kind') : []
  const container = (kind: string, name: string) =>
    named<Workload>(manifests, kind, name).spec.template.spec.containers[0] as Container
  const workloads = [
    ['StatefulSet', 'postgres'],
    ['StatefulSet', 'prometheus'],
    ['Deployment', 'grafana'],
    ['Deployment', 'tempo'],
    ['Deployment', 'postgres-exporter'],
  ] as const

  test.each(workloads)('%s %s: image and flags', (kind, name) => {
    const { image, args = [] } = container(kind, name)
    const { image: known, command = [] } = compose.services[name]
    expect(image).toBe(known)
    const paths = /=\/etc\/(tempo\/)?/
    expect(args.map(arg => arg.replace(paths, '='))).toEqual(
      command.map((arg: string) => arg.replace(paths, '=')),
    )
  })

  test('Prometheus is configured alike, but finds the pods by DNS', async () => {
    const here = await yaml('deploy/k8s/overlays/kind/prometheus.yml')
    const there = await yaml('prometheus/prometheus.yml')
    // The nodes of kind are containers of one machine, which compose's exporters already tell of.
    const own = ['service', 'node', 'processes']
    const shared = (config: { scrape_configs: { job_name: string }[] }) => ({
      ...config,
      scrape_configs: config.scrape_configs.filter(({ job_name }) => !own.includes(job_name)),
    })
    expect(shared(here)).toEqual(shared(there))
    expect(here.scrape_configs[0]).toMatchObject({ job_name: 'service', dns_sd_configs: [{ port: 9464 }] })
  })

  test('Grafana mounts every dashboard', async () => {
    const mounted = JSON.stringify(named(manifests, 'Deployment', 'grafana').spec)
    const dashboards = manifests.filter(({ metadata }) => metadata.labels?.['grafana_dashboard'] === '1')
    expect(dashboards.length).toBeGreaterThan(5)
    for (const { metadata } of dashboards) expect(mounted).toContain(`"name":"${metadata.name}"`)
  })
})
