import { performance } from 'node:perf_hooks'
import { context } from '@opentelemetry/api'
import type { FastifyInstance, FastifyRequest, HookHandlerDoneFunction } from 'fastify'
import { currentRequest } from '../ledger/index.ts'
import { whenEnded } from '../ledger/request-end.ts'
import { includes } from './level.ts'
import { httpMethod, registerActiveRequests } from './metrics.ts'
import { pathOf } from './request.ts'
import type { Telemetry } from './telemetry.ts'
import { endServerSpan, type ServerSpan, startServerSpan, traceparentOf } from './tracing.ts'

const serverSpan = Symbol('server span')

declare module 'fastify' {
  interface FastifyRequest {
    /** CPU of this request so far, in seconds; null if the ledger does not run. */
    cpuS(): number | null
    /** null if the request is not sampled. */
    [serverSpan]: ServerSpan | null
  }
}

/**
 * Observes the requests of a Fastify application: metrics, traces and access log. No other file of `telemetry` knows
 * Fastify. Call it before the routes are registered.
 */
export function instrument(app: FastifyInstance, telemetry: Telemetry): void {
  const hasLedger = includes(telemetry.level, 'ledger')
  app.decorateRequest(serverSpan, null)
  app.decorateRequest('cpuS', () => (hasLedger ? (currentRequest()?.cpuS ?? null) : null))
  if (telemetry.metrics === null && telemetry.accessLog === null) return

  const active = new Map<string, number>()
  const count = (method: string, change: 1 | -1) => active.set(method, (active.get(method) ?? 0) + change)
  if (telemetry.metrics !== null) registerActiveRequests(telemetry.metrics, active)

  app.addHook('onRequest', (request, reply, done) => {
    const method = httpMethod(request.method)
    const { url: route } = request.routeOptions
    const startMs = performance.now()
    const account = hasLedger ? currentRequest() : undefined
    if (account !== undefined) account.route = route
    const span = startSpan(request, method, route)
    request[serverSpan] = span
    if (account !== undefined && span !== null) account.attributes['trace_id'] = span.traceId

    count(method, 1)
    whenEnded({ socket: request.raw.socket, response: reply.raw, event: 'finish' }, () => {
      count(method, -1)
      const status = reply.raw.writableFinished ? reply.statusCode : 0
      const errorType = errorTypeOf(status)
      const durationMs = performance.now() - startMs
      const cpuS = account?.cpuS ?? null
      telemetry.metrics?.requestDuration
        .series(method, route ?? '', status === 0 ? '' : String(status), errorType)
        .observe(durationMs / 1000, span?.traceId)
      if (span !== null) endServerSpan(span, { status, errorType, cpuS })
      telemetry.accessLog?.write({
        method: request.method,
        path: pathOf(request.url),
        status,
        durationMs: Math.round(durationMs * 1000) / 1000,
        cpuUs: cpuS === null ? null : Math.round(cpuS * 1e6),
        traceId: span?.traceId,
      })
    })
    if (span !== null) reply.header('traceparent', traceparentOf(span))
    runInSpan(span, done)
  })
  // A body arrives in callbacks of the connection, which do not carry the request's context.
  if (telemetry.tracing !== null) {
    app.addHook('preValidation', (request, _reply, done) => runInSpan(request[serverSpan], done))
  }

  function startSpan(request: FastifyRequest, method: string, route: string | undefined): ServerSpan | null {
    const sampled = telemetry.tracing?.sampler.decide(request.headers)
    return sampled === undefined ? null : startServerSpan(sampled, { method, route, raw: request.raw })
  }
}

/** The `error.type` of the conventions: empty on success. @param status 0 if there was no answer. */
function errorTypeOf(status: number): string {
  if (status === 0) return 'client_disconnected'
  return status >= 500 ? String(status) : ''
}

function runInSpan(span: ServerSpan | null, done: HookHandlerDoneFunction): void {
  if (span === null) done()
  else context.with(span.context, done)
}
