import { number } from '../../analysis/wording.ts'
import type { Measured } from '../costs.ts'
import type { Assumptions, Objective, Sizing } from '../sizing.ts'
import { beyond, exactly, type Interval, type PlanFigure } from './figure.ts'

/** What is not the service's: superuser, exporter, migration (src/service/workers.ts has the same reserve). */
const reservedConnections = 10
/** A batch of texts and one of tasks on their way, and two for reads. */
export const poolSize = 4
/** Each backend is a process; past some hundreds of them a pooler is cheaper than raising the limit. */
const mostConnections = 500
export function databaseFigures(
  { workers, shards }: Sizing,
  interval: Interval,
  { ratePerS }: Objective,
  { utilisation, databaseCores }: Assumptions,
  measured: Measured,
): PlanFigure[] {
  const far = beyond([
    [
      ratePerS > measured.requestsPerS,
      `PostgreSQL was measured up to ${number(measured.requestsPerS)} requests/s`,
    ],
  ])
  const needed = (workers + 1) * poolSize + reservedConnections
  const pooled = needed > mostConnections
  // One transaction a worker and shard at most, and a quarter more for reads and the pods of a rolling update.
  const backends = Math.ceil((workers + 1) * 1.25)
  return [
    {
      name: 'databaseCores',
      title: 'cores for PostgreSQL, all servers',
      ...interval(sizing => sizing.databaseCores),
      unit: 'cores',
      formula: `rate · (request + r (row + batch / n)) / ${utilisation}`,
      ...far,
    },
    {
      name: 'onePostgresPerS',
      title: 'one PostgreSQL ends at',
      ...interval(sizing => sizing.onePostgresPerS),
      unit: 'requests/s',
      formula: `the lower of ${databaseCores} cores · ${utilisation} / D and of what WAL it can write`,
      basis: 'assumed',
      because: `a server of ${databaseCores} cores`,
    },
    {
      name: 'shards',
      title: shards === 1 ? 'PostgreSQL servers' : 'PostgreSQL servers, sharded by hash (Citus)',
      ...interval(sizing => sizing.shards),
      unit: shards === 1 ? 'server' : 'servers',
      formula:
        'the fewest whose cores and WAL each server has; a batch is divided among them, so a row costs more',
      basis: 'assumed',
      because: `a server of ${databaseCores} cores`,
    },
    {
      ...exactly('poolSize', 'POOL_SIZE of each pod', poolSize, 'connections'),
      formula: 'one batch of texts, one of tasks on their way, two for reads',
    },
    pooled
      ? {
          ...exactly(
            'backends',
            'PgBouncer stands between; its connections to each server',
            backends,
            'connections',
          ),
          formula: '(workers + 1) · 1.25, because a worker has one transaction on its way',
          ...far,
        }
      : {
          ...exactly('backends', 'connections to PostgreSQL', (workers + 1) * poolSize, 'connections'),
          formula: '(workers + 1) · POOL_SIZE: a rolling update has one pod more',
          ...far,
        },
    {
      ...exactly(
        'maxConnections',
        'max_connections, at least',
        (pooled ? backends : (workers + 1) * poolSize) + reservedConnections,
        'connections',
      ),
      formula: `connections + ${reservedConnections} for superuser, exporter and migration`,
      ...far,
    },
  ]
}

/** What sharding by hash costs: the same plan where batches stay whole. */
export function keptFigures(
  { shards, databaseCores, workers }: Sizing,
  assumptions: Assumptions,
): PlanFigure[] {
  const because = `a server of ${assumptions.databaseCores} cores`
  const figures: [string, string, number, string][] = [
    ['keptShards', '… if each worker kept to one server: servers', shards, 'servers'],
    ['keptDatabaseCores', '… cores for PostgreSQL', databaseCores, 'cores'],
    ['keptWorkers', '… workers', workers, 'pods'],
  ]
  return figures.map(([name, title, value, unit]) => ({
    ...exactly(name, title, value, unit),
    formula: 'as above, with batches that are not divided: an id must then say where its row is',
    basis: 'assumed',
    because,
  }))
}
