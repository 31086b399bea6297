import { metricNames } from '../../telemetry/metric-names.ts'
import { board } from '../board.ts'
import { postgresMetrics } from '../foreign-metrics.ts'
import { timeSeries } from '../panel.ts'
import { filters, mean, quantile, rate, ratio } from '../promql.ts'

const { instance } = filters
const here = 'datname="insertlab"'
const statementSeconds = `${postgresMetrics.statementSeconds}{${here}}`
const executionTime = `sum by (queryid) (rate(${statementSeconds}[$__rate_interval]))`
/** The same statements in the whole time range, so that the panel has no more series than its legend shows. */
const mostExpensive = `topk(5, sum by (queryid) (increase(${statementSeconds}[$__range] @ end())))`
const pgRate = (counter: string, labels = here) => `sum(rate(${counter}{${labels}}[$__rate_interval]))`

/** The path of a statement: through the pool, over the network, in the server, to the disk. */
export const database = board({
  name: 'database',
  title: 'What happens between pool and disk?',
  description:
    'The connection pool as the service sees it, then PostgreSQL: statements, commits, WAL, checkpoints.',
  variables: ['instance'],
  rows: [
    {
      title: 'Pool and wire, as the service sees them',
      panels: [
        timeSeries({
          title: 'How long is a connection held?',
          description:
            'Time from taking a connection to giving it back. The longer it is, the sooner a pool is too small. Compare it with the statement time in the next panel: during the difference the service held a connection without using it.',
          unit: 's',
          span: 8,
          height: 9,
          queries: [
            { expr: quantile(0.5, metricNames.connectionUse, instance), legend: 'p50' },
            { expr: quantile(0.99, metricNames.connectionUse, instance), legend: 'p99' },
          ],
        }),
        timeSeries({
          title: 'How long does a statement take?',
          description:
            'Mean time from sending a statement to its result, by operation, with network and event loop. If it is far above the time in PostgreSQL below, the answer waited for the busy thread.',
          unit: 's',
          span: 8,
          height: 9,
          queries: [
            {
              expr: mean(metricNames.queryDuration, instance, ['db_operation_name']),
              legend: '{{db_operation_name}}',
            },
          ],
        }),
        timeSeries({
          title: 'How many statements are sent?',
          description:
            'Statements per second by operation, as the service counts them. Batching raises the rows per statement: compare with the rows below.',
          unit: 'ops',
          span: 8,
          height: 9,
          queries: [
            {
              expr: rate(`${metricNames.queryDuration}_count`, instance, ['db_operation_name']),
              legend: '{{db_operation_name}}',
            },
          ],
        }),
      ],
    },
    {
      title: 'Statements and commits in PostgreSQL',
      ignores: ['instance'],
      panels: [
        timeSeries({
          title: 'Which statements take the time?',
          description:
            'Execution time in PostgreSQL per second, of the five statements that took most of it in the time range (pg_stat_statements). If the stack comes near the number of cores, the database has no spare CPU, or it waits for its disk.',
          unit: 's',
          span: 16,
          stacked: true,
          legend: 'table',
          height: 13,
          queries: [
            {
              expr: `(${executionTime} and on (queryid) ${mostExpensive}) * on (queryid) group_left (query) max by (queryid, query) (${postgresMetrics.statementText})`,
              legend: '{{query}}',
            },
          ],
        }),
        timeSeries({
          title: 'How many rows in one commit?',
          description:
            'Rows inserted per second, and commits per second. Each commit pays for an fsync, so more rows per commit make a row cheaper. One row per commit is the most expensive way to insert.',
          unit: 'ops',
          span: 8,
          height: 13,
          queries: [
            { expr: pgRate(postgresMetrics.rowsInserted), legend: 'rows inserted' },
            { expr: pgRate(postgresMetrics.commits), legend: 'commits' },
          ],
        }),
      ],
    },
    {
      title: 'Memory and disk',
      ignores: ['instance'],
      panels: [
        timeSeries({
          title: 'Reads from memory?',
          description:
            'Share of the blocks that were found in shared_buffers. Inserts into a growing table should stay near 100 %; a drop means that the working set no longer fits.',
          unit: 'percentunit',
          span: 6,
          max: 1,
          queries: [
            {
              expr: ratio(
                pgRate(postgresMetrics.blocksHit),
                `(${pgRate(postgresMetrics.blocksHit)} + ${pgRate(postgresMetrics.blocksRead)})`,
              ),
              legend: 'hit ratio',
            },
          ],
        }),
        timeSeries({
          title: 'How much WAL is kept?',
          description:
            'Size of the write-ahead log on disk. It grows to max_wal_size under steady load and is recycled at checkpoints; if it grows without end, a replication slot or an archiver is stuck.',
          unit: 'bytes',
          span: 6,
          queries: [{ expr: postgresMetrics.walSize, legend: 'WAL on disk' }],
        }),
        timeSeries({
          title: 'Forced checkpoints?',
          description:
            'Checkpoints per hour. Requested ones mean that WAL fills max_wal_size before checkpoint_timeout: raise max_wal_size, because each checkpoint makes the following writes more expensive (full page images).',
          unit: 'short',
          span: 6,
          queries: [
            { expr: `3600 * rate(${postgresMetrics.checkpointsTimed}[15m])`, legend: 'by time' },
            { expr: `3600 * rate(${postgresMetrics.checkpointsRequested}[15m])`, legend: 'requested' },
          ],
        }),
        timeSeries({
          title: 'Time in checkpoints?',
          description:
            'Share of time in which a checkpoint writes or syncs. Near 100 % one checkpoint follows the other, and commits always share the disk with them.',
          unit: 'percentunit',
          span: 6,
          queries: [
            {
              expr: `(rate(${postgresMetrics.checkpointWriteMs}[5m]) + rate(${postgresMetrics.checkpointSyncMs}[5m])) / 1000`,
              legend: 'writing',
            },
          ],
        }),
      ],
    },
  ],
})
