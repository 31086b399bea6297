import { number } from '../../analysis/wording.ts'
import { assumed, beyond, exactly, measuredHere, type PlanFigure, type PlanInputs } from './figure.ts'

/** What is not the service's: superuser, exporter, migration (src/service/workers.ts has the same reserve). */
const reservedConnections = 10
/** A batch of texts and one of tasks on their way, and two for reads. */
export const poolSize = 4
/** Each backend is a process; past some hundreds of them a pooler is cheaper than raising the limit. */
const mostConnections = 500

export function databaseFigures(inputs: PlanInputs): PlanFigure[] {
  const { sizing, interval, measured, objective, assumptions } = inputs
  const { workers, shards } = sizing
  const { utilisation, databaseCores } = assumptions
  const far = beyond(
    objective.ratePerS > measured.requestsPerS &&
      `PostgreSQL was measured up to ${number(measured.requestsPerS)} requests/s`,
  )
  const ofServer = assumed(`a server of ${databaseCores} cores`)
  const ofWorkers = (workers + 1) * poolSize
  const isPooled = ofWorkers + reservedConnections > mostConnections
  // One transaction a worker and shard at most, and a quarter more for reads and the pods of a rolling update.
  const backends = isPooled ? Math.ceil((workers + 1) * 1.25) : ofWorkers
  return [
    {
      name: 'databaseCores',
      title: 'cores for PostgreSQL, all servers',
      ...interval(one => one.databaseCores),
      unit: 'cores',
      formula: `rate · (request + r (row + batch / n)) / ${utilisation}`,
      ...far,
    },
    {
      name: 'onePostgresPerS',
      title: 'one PostgreSQL ends at',
      ...interval(one => one.onePostgresPerS),
      unit: 'requests/s',
      formula: `the lower of ${databaseCores} cores · ${utilisation} / D and of what WAL it can write`,
      ...ofServer,
    },
    {
      name: 'shards',
      title: shards === 1 ? 'PostgreSQL servers' : 'PostgreSQL servers, sharded by hash (Citus)',
      ...interval(one => one.shards),
      unit: shards === 1 ? 'server' : 'servers',
      formula:
        'the fewest whose cores and WAL each server has; a batch is divided among them, so a row costs more',
      ...ofServer,
    },
    {
      name: 'poolSize',
      title: 'POOL_SIZE of each pod',
      ...exactly(poolSize),
      unit: 'connections',
      formula: 'one batch of texts, one of tasks on their way, two for reads',
      ...measuredHere,
    },
    {
      name: 'backends',
      title: isPooled
        ? 'PgBouncer stands between; its connections to each server'
        : 'connections to PostgreSQL',
      ...exactly(backends),
      unit: 'connections',
      formula: isPooled
        ? '(workers + 1) · 1.25, because a worker has one transaction on its way'
        : '(workers + 1) · POOL_SIZE: a rolling update has one pod more',
      ...far,
    },
    {
      name: 'maxConnections',
      title: 'max_connections, at least',
      ...exactly(backends + reservedConnections),
      unit: 'connections',
      formula: `connections + ${reservedConnections} for superuser, exporter and migration`,
      ...far,
    },
  ]
}
