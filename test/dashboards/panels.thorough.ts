import { type ChildProcess, spawn } from 'node:child_process'
import { readFile } from 'node:fs/promises'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { parse } from 'yaml'
import { boards } from '../../src/dashboards/boards.ts'
import { dataSources } from '../../src/dashboards/datasources.ts'
import { k6Metrics, postgresMetrics, recordedMetrics } from '../../src/dashboards/foreign-metrics.ts'
import { type PostgresServer, startPostgres } from '../../src/lab/stack/embedded-postgres.ts'
import { findFreePort } from '../../src/lab/stack/free-port.ts'
import { type ServiceProcess, startService } from '../../src/lab/stack/service-process.ts'
import { metricNames } from '../../src/telemetry/metric-names.ts'
import { type OtlpReceiver, startOtlpReceiver } from '../fixtures/otlp-receiver.ts'
import { available, repository } from '../programs.ts'
import { rules } from './known-metrics.ts'
import { panelsOf, targetsOf } from './panels.ts'
import { type PrometheusServer, type Series, startPrometheus } from './prometheus-server.ts'
import { filled, metricsOf } from './promql.ts'

/**
 * The contract between code and dashboards. The service and everything else run under a real Prometheus that also takes
 * k6's figures. Under the load that compose.yaml starts, every query of every panel gives data; and neither then nor
 * before the first request nor after the last does one give infinity or something that is not a number.
 */
interface Query {
  name: string
  expr: string
}
const queries: Query[] = boards.flatMap(dashboard =>
  panelsOf(dashboard).flatMap(panel =>
    targetsOf(panel)
      .filter(({ datasource }) => datasource.uid === dataSources.prometheus.uid)
      .map(({ refId, expr = '' }) => ({ name: `${dashboard.uid}: ${panel.title} (${refId})`, expr })),
  ),
)
const traceQueries = boards.flatMap(dashboard =>
  panelsOf(dashboard).flatMap(panel =>
    targetsOf(panel)
      .filter(({ datasource }) => datasource.uid === dataSources.tempo.uid)
      .map(({ query = '' }) => query),
  ),
)

/** What gentle traffic on any machine need not have: a load test, a CPU limit, a resource that is a fifth full. */
const mayBeEmpty = [
  `${k6Metrics.vus}{testid!="background"}`,
  metricNames.throttledTime,
  recordedMetrics.ceiling,
]

/**
 * Distributions package postgres_exporter 0.11, which lacks these. They are tried where POSTGRES_EXPORTER names the
 * version that compose.yaml pins.
 */
const pinnedExporter = process.env['POSTGRES_EXPORTER']
const pinnedFlags = [
  '--collector.stat_statements',
  '--collector.stat_statements.include_query',
  '--collector.stat_checkpointer',
]
const onlyPinned = new Set<string>([
  postgresMetrics.activeTime,
  postgresMetrics.walSize,
  postgresMetrics.checkpointsTimed,
  postgresMetrics.checkpointsRequested,
  postgresMetrics.checkpointWriteMs,
  postgresMetrics.checkpointSyncMs,
  postgresMetrics.statementCalls,
  postgresMetrics.statementSeconds,
  postgresMetrics.statementText,
])
const needsPinned = ({ expr }: { expr: string }) => metricsOf(expr).some(metric => onlyPinned.has(metric))

const packagedExporter = 'prometheus-postgres-exporter'
const machineExporter = 'prometheus-node-exporter'
const processExporter = 'prometheus-process-exporter'
const hasPrograms = [
  available('prometheus'),
  available('k6'),
  available(machineExporter),
  available(processExporter),
  pinnedExporter !== undefined || available(packagedExporter),
].every(Boolean)

describe.skipIf(!hasPrograms)('every panel has data', () => {
  let postgres: PostgresServer
  let collector: OtlpReceiver
  let service: ServiceProcess
  let prometheus: PrometheusServer
  const children: ChildProcess[] = []

  let k6: ChildProcess

  function start(program: string, args: string[], env: Record<string, string> = {}): ChildProcess {
    const child = spawn(program, args, {
      cwd: repository,
      env: { ...process.env, ...env },
      stdio: 'ignore',
    })
    children.push(child)
    return child
  }

  /** Starts an exporter on a free port, where Prometheus finds it. */
  async function startExporter(
    program: string,
    args: string[],
    env: Record<string, string> = {},
  ): Promise<string> {
    const address = `127.0.0.1:${await findFreePort()}`
    start(program, [`--web.listen-address=${address}`, ...args], env)
    return address
  }

  beforeAll(async () => {
    postgres = await startPostgres()
    collector = await startOtlpReceiver()
    service = await startService({
      databaseUrl: postgres.url,
      env: { OTEL_EXPORTER_OTLP_ENDPOINT: collector.url, OTEL_TRACES_SAMPLER_ARG: '0.1' },
    })
    prometheus = await startPrometheus({
      adminUrl: service.adminUrl,
      exporters: {
        postgres: await startExporter(
          pinnedExporter ?? packagedExporter,
          pinnedExporter === undefined ? [] : pinnedFlags,
          { DATA_SOURCE_NAME: `${postgres.url}?sslmode=disable` },
        ),
        node: await startExporter(machineExporter, await machineFlags()),
        processes: await startExporter(processExporter, ['--config.path=prometheus/processes.yml']),
      },
    })
  })

  function startTraffic(): ChildProcess {
    return start(
      'k6',
      [
        'run',
        '--quiet',
        '--address',
        '127.0.0.1:0',
        '--summary-mode=disabled',
        '--no-thresholds',
        'loadtests/background.ts',
      ],
      {
        BASE_URL: service.url,
        BACKGROUND_RATE: '60',
        DURATION: '10m',
        K6_OUT: 'experimental-prometheus-rw',
        K6_PROMETHEUS_RW_SERVER_URL: `${prometheus.url}/api/v1/write`,
        K6_PROMETHEUS_RW_TREND_AS_NATIVE_HISTOGRAM: 'true',
        K6_PROMETHEUS_RW_PUSH_INTERVAL: '5s',
        K6_PROMETHEUS_RW_STALE_MARKERS: 'true',
        K6_NO_USAGE_REPORT: 'true',
      },
    )
  }

  afterAll(async () => {
    for (const child of children) child.kill('SIGTERM')
    await prometheus?.stop()
    await service?.stop()
    await collector?.[Symbol.asyncDispose]()
    await postgres?.stop()
  })

  const isNumber = ({ value: [, value] }: Series) => Number.isFinite(Number(value))

  /** Asks until there is a number, for as long as a rate over a minute needs to have one. */
  async function numbers(expr: string): Promise<Series[]> {
    const deadline = Date.now() + 120_000
    for (;;) {
      const series = (await prometheus.query(filled(expr))).filter(isNumber)
      if (series.length > 0 || Date.now() > deadline) return series
      await sleep(1000)
    }
  }

  /** Every query, and those of its values that are no finite numbers. */
  async function nonsense(): Promise<string[]> {
    const found = await Promise.all(
      queries.map(async ({ name, expr }) => {
        const wrong = (await prometheus.query(filled(expr))).filter(series => !isNumber(series))
        return wrong.map(({ value: [, value] }) => `${name} gives ${value}`)
      }),
    )
    return found.flat()
  }

  /** Until the service has been scraped often enough for a rate over a minute, but not asked for anything. */
  test('before the first request no query gives infinity or something that is not a number', async () => {
    await expect
      .poll(async () => (await prometheus.query(recordedMetrics.utilisation)).length, {
        timeout: 60_000,
        interval: 1000,
      })
      .toBeGreaterThan(2)
    const found = await nonsense()
    k6 = startTraffic()
    expect(found).toEqual([])
  })

  const tried = (query: Query) => pinnedExporter !== undefined || !needsPinned(query)
  const expected = queries.filter(({ expr }) => !mayBeEmpty.some(part => expr.includes(part)))
  test.each(expected.filter(tried))('$name', async ({ expr }) => {
    expect(await numbers(expr), filled(expr)).not.toEqual([])
  })
  test.skip.each(expected.filter(query => !tried(query)))('$name: needs POSTGRES_EXPORTER', () => {})

  const recorded = rules.flatMap(({ record }) => record ?? [])
  test.each([...new Set(recorded)].filter(name => !mayBeEmpty.includes(name)))('rule %s', async name => {
    expect(await numbers(name)).not.toEqual([])
  })

  test('an exemplar of a histogram leads to a trace that was sent', async () => {
    const traced = () => new Set(collector.spans().map(({ traceId }) => traceId))
    const exemplars = () => prometheus.exemplars(`${metricNames.requestCpu}_bucket`)
    await expect
      .poll(async () => (await exemplars()).some(({ trace_id }) => traced().has(trace_id ?? '')), {
        timeout: 60_000,
        interval: 1000,
      })
      .toBe(true)
  })

  test('the attributes by which traces are chosen are in the spans, the load test among them', () => {
    const servers = collector.spans().filter(({ kind }) => kind === 'SERVER')
    const asked = traceQueries.flatMap(query =>
      [...query.matchAll(/span\.([\w.]+)/g)].map(([, name]) => name),
    )
    expect(asked).not.toEqual([])
    for (const name of asked)
      expect(
        servers.some(({ attributes }) => attributes[name ?? '']),
        name,
      ).toBe(true)
    expect(servers.map(({ attributes }) => attributes['user_agent.original'])).toContain('k6 (background)')
  })

  test('no alert fires under gentle traffic', async () => {
    const firing = await prometheus.query('ALERTS{alertstate="firing"}')
    expect(firing.map(({ metric }) => metric['alertname'])).toEqual([])
  })

  test('the ledger balances: requests and buckets are the CPU of the process, within 2 %', async () => {
    // Totals, not rates: rate() extrapolates young counters, each by another amount.
    const { attributedCpu, unattributedCpu, processCpu } = metricNames
    const [balance] = await numbers(
      `(sum(${attributedCpu}) + sum(${unattributedCpu})) / sum(${processCpu}{job="service"})`,
    )
    expect(Number(balance?.value[1])).toBeGreaterThan(0.98)
    expect(Number(balance?.value[1])).toBeLessThan(1.02)
  })

  const counters = Object.values(metricNames).filter(name => name.endsWith('_total'))
  test.each(counters)('%s never goes back, which Prometheus would take for a restart', async name => {
    expect(await prometheus.query(`resets(${name}{job="service"}[10m]) > 0`)).toEqual([])
  })

  test('under traffic no query gives infinity or something that is not a number', async () => {
    expect(await nonsense()).toEqual([])
  })

  test('after the last request no query does either, and none shows the traffic as still there', async () => {
    k6.kill('SIGTERM')
    const answered = `sum(rate(${metricNames.requestDuration}_count[1m]))`
    await expect
      .poll(async () => (await prometheus.query(answered)).map(({ value }) => value[1]), {
        timeout: 180_000,
        interval: 1000,
      })
      .toEqual(['0'])
    // The rules are evaluated each five seconds, and look at the minute before.
    await expect
      .poll(async () => (await prometheus.query(recordedMetrics.demand)).length, { timeout: 60_000 })
      .toBe(0)
    expect(await nonsense()).toEqual([])
    const now = queries.filter(({ name }) =>
      /: (One insert costs|Usual reading|Wrong by|Right now)/.test(name),
    )
    expect(now).toHaveLength(4)
    for (const { name, expr } of now) expect(await prometheus.query(filled(expr)), name).toEqual([])
  })
})

/** What compose.yaml asks node_exporter for, except paths. */
async function machineFlags(): Promise<string[]> {
  const compose = parse(await readFile(new URL('../../compose.yaml', import.meta.url), 'utf8'), {
    merge: true,
  })
  return compose.services['node-exporter'].command.filter((flag: string) => flag.startsWith('--collector.'))
}
