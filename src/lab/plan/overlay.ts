import { poolSize } from './figures/database.ts'
import type { Plan } from './plan.ts'

const pooledClientsPerInstance = 2000
/** WAL that a server keeps while a replica is away, at least. */
const walKeptS = 900

/**
 * The plan as a kustomize overlay on `overlays/operators`: file name and text. Of a sharded plan it holds one server
 * with its part of the connections, for which operator shards PostgreSQL is a choice of its own.
 *
 * @param bases where the overlays that it builds on lie, seen from the folder that is written
 */
export function overlayOf(plan: Plan, bases: { operators: string; load: string }): Map<string, string> {
  const figure = (name: string) => plan.figures.find(each => each.name === name)?.value ?? 0
  const workers = figure('workers')
  const shards = figure('shards')
  const databaseCores = Math.max(1, Math.ceil(figure('databaseCores') / shards))
  const memoryMi = Math.max(256, Math.ceil(figure('podMemoryMiB') / 64) * 64)
  const poolers = Math.max(2, Math.ceil(((workers + 1) * poolSize) / pooledClientsPerInstance))
  // A rolling update of the pooler has one instance more.
  const perPooler = Math.max(2, Math.ceil(figure('backends') / poolers))
  const maxConnections = Math.max(100, (poolers + 1) * perPooler + 10)
  const walGi = Math.max(20, Math.ceil((figure('walMBPerS') * walKeptS) / shards / 1000))
  const diskGi = Math.max(100, Math.ceil(figure('diskGBPerDay') / shards))
  const { ratePerS, rowsPerRequest, p99Ms } = plan.objective
  return new Map([
    [
      'kustomization.yaml',
      `# Written by \`npm run lab -- plan\`: ${ratePerS} requests/s of ${rowsPerRequest} row(s), p99 ${p99Ms} ms.
${shards > 1 ? `# One of ${shards} PostgreSQL servers: shard by hash (Citus) before you trust it with the whole.\n` : ''}# Disk is for one day of it.
apiVersion: kustomize.config.k8s.io/v1beta1
kind: Kustomization
namespace: insertlab
resources: [${bases.operators}]
configMapGenerator:
  - name: service
    behavior: merge
    literals: [POOL_SIZE=${poolSize}]
patches:
  - target: { kind: Deployment, name: service }
    patch: |-
      - { op: replace, path: /spec/replicas, value: ${workers} }
      - { op: replace, path: /spec/template/spec/containers/0/resources/requests/memory, value: ${memoryMi}Mi }
      - { op: replace, path: /spec/template/spec/containers/0/resources/limits/memory, value: ${2 * memoryMi}Mi }
  - target: { kind: Cluster, name: postgres }
    patch: |-
      - { op: replace, path: /spec/resources, value: { requests: { cpu: "${databaseCores}", memory: ${4 * databaseCores}Gi }, limits: { cpu: "${databaseCores}", memory: ${4 * databaseCores}Gi } } }
      - { op: replace, path: /spec/postgresql/parameters/max_connections, value: "${maxConnections}" }
      - { op: replace, path: /spec/postgresql/parameters/shared_buffers, value: ${databaseCores}GB }
      - { op: replace, path: /spec/storage/size, value: ${diskGi}Gi }
      - { op: replace, path: /spec/walStorage/size, value: ${walGi}Gi }
  - target: { kind: Pooler, name: postgres-pooler }
    patch: |-
      - { op: replace, path: /spec/instances, value: ${poolers} }
      - { op: replace, path: /spec/pgbouncer/parameters/default_pool_size, value: "${perPooler}" }
      - { op: replace, path: /spec/pgbouncer/parameters/max_client_conn, value: "${pooledClientsPerInstance}" }
`,
    ],
    [
      'load/kustomization.yaml',
      `# The load for this plan; deploy/k8s/load says how to run it.
apiVersion: kustomize.config.k8s.io/v1beta1
kind: Kustomization
resources: [${bases.load}]
patches:
  - target: { kind: TestRun }
    patch: |-
      - { op: replace, path: /spec/parallelism, value: ${Math.max(1, figure('runners'))} }
`,
    ],
  ])
}
