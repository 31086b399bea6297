import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import { takeCpuProfile } from './cpu-profile.ts'
import type { Telemetry } from './telemetry.ts'

const longestProfileS = 60

/** One process that Prometheus can scrape. */
export interface ScrapeTarget {
  port: number
  labels: Readonly<Record<string, string>>
}

/**
 * The admin port, for machines and operators: metrics, service discovery and profiles. It is a server of
 * its own so that it is never reachable through the public port and answers while that one is overloaded.
 * Its CPU is charged to the bucket `telemetry`.
 *
 * - `/metrics`: OpenMetrics with exemplars (none for a supervisor, which serves nothing).
 * - `/targets`: Prometheus HTTP service discovery of all workers, under the host name by which the asker
 *   reached this port, since that is the one it can reach.
 * - `/debug/cpu-profile?seconds=5`: a V8 `.cpuprofile`.
 */
export function createAdminServer(
  telemetry: Telemetry | null,
  targets: () => readonly ScrapeTarget[],
): Server {
  return createServer((request, response) => {
    telemetry?.ledger.enter(telemetry.ledger.bucket.telemetry)
    answer(request, response, telemetry, targets).catch((error: unknown) => {
      respond(response, 500, 'text/plain', `${String(error)}\n`)
    })
  })
}

async function answer(
  request: IncomingMessage,
  response: ServerResponse,
  telemetry: Telemetry | null,
  targets: () => readonly ScrapeTarget[],
): Promise<void> {
  const url = new URL(request.url ?? '/', 'http://admin')
  if (request.method !== 'GET') {
    respond(response, 405, 'text/plain', 'Only GET is answered here.\n')
  } else if (url.pathname === '/targets') {
    const host = hostWithoutPort(request.headers.host)
    const groups = targets().map(({ port, labels }) => ({ targets: [`${host}:${port}`], labels }))
    respond(response, 200, 'application/json', JSON.stringify(groups))
  } else if (url.pathname === '/metrics' && telemetry !== null) {
    const { registry } = telemetry
    respond(response, 200, registry.contentType, await registry.metrics())
  } else if (url.pathname === '/debug/cpu-profile' && telemetry !== null) {
    await answerProfile(url.searchParams.get('seconds') ?? '5', response)
  } else {
    respond(response, 404, 'text/plain', 'Try /metrics, /targets or /debug/cpu-profile?seconds=5.\n')
  }
}

async function answerProfile(secondsText: string, response: ServerResponse): Promise<void> {
  const seconds = Number(secondsText)
  if (!(seconds > 0 && seconds <= longestProfileS)) {
    respond(response, 400, 'text/plain', `seconds must be above 0 and at most ${longestProfileS}.\n`)
    return
  }
  const profile = await takeCpuProfile(seconds)
  if (profile === null) respond(response, 409, 'text/plain', 'A profile is being taken; try again later.\n')
  else respond(response, 200, 'application/json', JSON.stringify(profile))
}

function respond(response: ServerResponse, status: number, contentType: string, body: string): void {
  response.writeHead(status, { 'content-type': contentType, 'content-length': Buffer.byteLength(body) })
  response.end(body)
}

/** `[::1]:9464` gives `[::1]`: Prometheus wants the brackets. */
function hostWithoutPort(host: string | undefined): string {
  return host?.replace(/:\d+$/, '') || '127.0.0.1'
}
