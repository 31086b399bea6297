import { type ChildProcess, spawn } from 'node:child_process'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { parse, stringify } from 'yaml'
import { findFreePort } from '../../src/lab/stack/free-port.ts'
import { repository } from '../programs.ts'

export interface Series {
  metric: Record<string, string>
  value: [time: number, value: string]
}

export interface PrometheusServer {
  readonly url: string
  /** An instant query, now. */
  query(expr: string): Promise<Series[]>
  /** Labels of the exemplars that a query's series carried in the last five minutes. */
  exemplars(expr: string): Promise<Record<string, string>[]>
  stop(): Promise<void>
}

/** Where Prometheus scrapes: the service's admin address, and the addresses of the exporters by their job. */
export interface Targets {
  adminUrl: string
  exporters: Readonly<Record<string, string>>
}

/**
 * A real Prometheus on loopback, with the repository's configuration, rules and flags; only the addresses are those
 * of the test.
 */
export async function startPrometheus(targets: Targets): Promise<PrometheusServer> {
  const folder = await mkdtemp(join(tmpdir(), 'insertlab-prometheus-'))
  const configFile = join(folder, 'prometheus.yml')
  await writeFile(configFile, await configuration(targets))
  const port = await findFreePort()
  const url = `http://127.0.0.1:${port}`
  const flags = [
    `--config.file=${configFile}`,
    `--storage.tsdb.path=${join(folder, 'data')}`,
    `--web.listen-address=127.0.0.1:${port}`,
  ]
  const child = spawn('prometheus', [...flags, ...(await featureFlags())], {
    stdio: ['ignore', 'ignore', 'pipe'],
  })
  let log = ''
  child.stderr.on('data', chunk => {
    log = (log + chunk).slice(-10_000)
  })
  const stop = async () => {
    await end(child)
    await rm(folder, { recursive: true })
  }
  try {
    await untilReady(url, child)
  } catch (error) {
    await stop()
    throw new Error(`Prometheus did not start: ${log}`, { cause: error })
  }
  return { url, query: expr => query(url, expr), exemplars: expr => exemplars(url, expr), stop }
}

/** prometheus/prometheus.yml with the addresses of this test instead of compose's. */
async function configuration({ adminUrl, exporters }: Targets): Promise<string> {
  const config = parse(await readFile(join(repository, 'prometheus/prometheus.yml'), 'utf8'))
  config.rule_files = [join(repository, 'prometheus/rules/*.yml')]
  for (const job of config.scrape_configs) {
    if (job.job_name === 'service') job.http_sd_configs[0].url = `${adminUrl}/targets`
    const exporter = exporters[job.job_name]
    if (exporter !== undefined) job.static_configs = [{ targets: [exporter] }]
  }
  config.scrape_configs = config.scrape_configs.filter(
    ({ job_name: name }: { job_name: string }) => name === 'service' || name in exporters,
  )
  return stringify(config)
}

/** What compose.yaml turns on, except paths. */
async function featureFlags(): Promise<string[]> {
  const compose = parse(await readFile(join(repository, 'compose.yaml'), 'utf8'), { merge: true })
  return compose.services.prometheus.command.filter((flag: string) =>
    /^--(web\.enable|enable-feature)/.test(flag),
  )
}

async function untilReady(url: string, child: ChildProcess): Promise<void> {
  const deadline = Date.now() + 60_000
  while (Date.now() < deadline) {
    if (child.exitCode !== null) throw new Error(`it ended with code ${child.exitCode}`)
    const answer = await fetch(`${url}/-/ready`).catch(() => undefined)
    if (answer?.ok) return
    await sleep(100)
  }
  throw new Error('it was not ready within 60 s')
}

async function query(url: string, expr: string): Promise<Series[]> {
  const answer = await fetch(`${url}/api/v1/query`, {
    method: 'POST',
    body: new URLSearchParams({ query: expr }),
  })
  const { status, data, error } = (await answer.json()) as {
    status: string
    data: { result: Series[] }
    error?: string
  }
  if (status !== 'success') throw new Error(`${error}: ${expr}`)
  return data.result
}

async function exemplars(url: string, expr: string): Promise<Record<string, string>[]> {
  const nowS = Date.now() / 1000
  const answer = await fetch(`${url}/api/v1/query_exemplars`, {
    method: 'POST',
    body: new URLSearchParams({ query: expr, start: String(nowS - 300), end: String(nowS) }),
  })
  const { data } = (await answer.json()) as {
    data: { exemplars: { labels: Record<string, string> }[] }[]
  }
  return data.flatMap(series => series.exemplars.map(({ labels }) => labels))
}

async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null) return
  const closed = new Promise(resolve => child.once('close', resolve))
  child.kill('SIGTERM')
  await closed
}
