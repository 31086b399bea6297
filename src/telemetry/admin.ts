import { createHash, timingSafeEqual } from 'node:crypto'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import { promisify } from 'node:util'
import { gzip } from 'node:zlib'
import Negotiator from 'negotiator'
import { Registry } from 'prom-client'
import { chargeServerTo } from '../ledger/index.ts'
import type { OpenMetricsRegistry } from './bound-series.ts'
import { takeCpuProfile } from './cpu-profile.ts'
import type { Telemetry } from './telemetry.ts'

const longestProfileS = 60

/** One process that Prometheus can scrape. */
export interface ScrapeTarget {
  port: number
  labels: Readonly<Record<string, string>>
}

interface Answer {
  status: number
  contentType: string
  body: string
  headers?: Readonly<Record<string, string>>
}

/**
 * The admin port, for machines and operators: metrics, service discovery and profiles. It is a separate server, so
 * that it cannot be reached through the public port and still answers when that port is overloaded. Its CPU is charged
 * to the bucket `telemetry`.
 *
 * - `/metrics`: OpenMetrics with exemplars, or the older text format if `Accept` prefers it. A supervisor serves no
 *   requests and has no metrics.
 * - `/targets`: Prometheus HTTP service discovery of all workers, under the host name of the request, because the
 *   client can reach that name.
 * - `/debug/cpu-profile?seconds=5`: a V8 `.cpuprofile`.
 * @param token what `Authorization: Bearer` must contain; undefined: every request is answered.
 */
export function createAdminServer(
  telemetry: Telemetry | null,
  targets: () => readonly ScrapeTarget[],
  token?: string,
): Server {
  const server = createServer((request, response) => {
    const answering = isAllowed(request, token) ? answer(request, telemetry, targets) : unauthorized()
    answering
      .catch((error: unknown) => plain(500, String(error)))
      .then(answered => send(request, response, answered))
      .catch((error: unknown) => response.destroy(error as Error))
  })
  chargeServerTo(server, 'telemetry')
  return server
}

function isAllowed({ headers }: IncomingMessage, token: string | undefined): boolean {
  if (token === undefined) return true
  const sent = /^bearer +(.+)$/i.exec(headers.authorization ?? '')?.[1] ?? ''
  // Hashes have one length, and comparing them takes the same time for every token.
  return timingSafeEqual(sha256(sent), sha256(token))
}

function sha256(text: string): Buffer {
  return createHash('sha256').update(text).digest()
}

async function unauthorized(): Promise<Answer> {
  return {
    ...plain(401, 'Send Authorization: Bearer and the token.'),
    headers: { 'www-authenticate': 'Bearer' },
  }
}

async function answer(
  request: IncomingMessage,
  telemetry: Telemetry | null,
  targets: () => readonly ScrapeTarget[],
): Promise<Answer> {
  const { method, url = '/', headers } = request
  const [path, query = ''] = url.split('?', 2)
  const isProfile = path === '/debug/cpu-profile'
  if (method !== 'GET' && (method !== 'HEAD' || isProfile)) {
    const allowed = isProfile ? 'GET' : 'GET, HEAD'
    return { ...plain(405, `Only ${allowed} is answered here.`), headers: { allow: allowed } }
  }
  if (path === '/targets') {
    const host = hostWithoutPort(headers.host)
    const groups = targets().map(({ port, labels }) => ({ targets: [`${host}:${port}`], labels }))
    return json(groups)
  }
  if (path === '/metrics' && telemetry !== null) return metricsPage(request, telemetry.registry)
  if (isProfile && telemetry !== null) return profile(new URLSearchParams(query).get('seconds') ?? '5')
  const ofWorkers = telemetry === null ? '' : '/metrics, /debug/cpu-profile?seconds=5 or '
  return plain(404, `Try ${ofWorkers}/targets.`)
}

async function metricsPage(request: IncomingMessage, registry: OpenMetricsRegistry): Promise<Answer> {
  const accepted = new Negotiator(request).mediaType([
    Registry.OPENMETRICS_CONTENT_TYPE,
    Registry.PROMETHEUS_CONTENT_TYPE,
  ])
  const chosen = accepted === Registry.OPENMETRICS_CONTENT_TYPE ? registry : inTextFormat(registry)
  return {
    status: 200,
    contentType: chosen.contentType,
    body: await chosen.metrics(),
    headers: { vary: 'accept, accept-encoding' },
  }
}

/** The same metrics in the older text format, where the name of a counter has the suffix `_total` in every line. */
function inTextFormat(registry: OpenMetricsRegistry): Registry {
  const text = new Registry()
  for (const metric of registry.getMetricsAsArray() as unknown as Metric[]) {
    const withSuffix = {
      name: metric.name,
      async get() {
        const { name, type, ...rest } = await metric.get()
        return { ...rest, type, name: type === 'counter' ? `${name}_total` : name }
      },
    }
    text.registerMetric(withSuffix as unknown as Parameters<typeof text.registerMetric>[0])
  }
  return text
}

/** What a registry needs of a metric. */
interface Metric {
  name: string
  get(): Promise<{ name: string; type: string }>
}

async function profile(secondsText: string): Promise<Answer> {
  const seconds = Number(secondsText)
  if (!(seconds > 0 && seconds <= longestProfileS)) {
    return plain(400, `seconds must be above 0 and at most ${longestProfileS}.`)
  }
  const taken = await takeCpuProfile(seconds)
  return taken === null ? plain(409, 'A profile is being taken; try again later.') : json(taken)
}

function plain(status: number, line: string): Answer {
  return { status, contentType: 'text/plain', body: `${line}\n` }
}

function json(value: unknown): Answer {
  return { status: 200, contentType: 'application/json', body: JSON.stringify(value) }
}

async function send(request: IncomingMessage, response: ServerResponse, answered: Answer): Promise<void> {
  const { status, contentType, headers = {} } = answered
  const isZipped = new Negotiator(request).encoding(['gzip', 'identity']) === 'gzip'
  const body = isZipped ? await promisify(gzip)(answered.body) : Buffer.from(answered.body)
  response.writeHead(status, {
    'content-type': contentType,
    'content-length': body.length,
    ...(isZipped && { 'content-encoding': 'gzip' }),
    ...headers,
  })
  response.end(request.method === 'HEAD' ? undefined : body)
}

/** `[::1]:9464` gives `[::1]`: Prometheus wants the brackets. */
function hostWithoutPort(host: string | undefined): string {
  return host?.replace(/:\d+$/, '') || '127.0.0.1'
}
