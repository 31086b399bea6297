import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import { performance } from 'node:perf_hooks'
import { context } from '@opentelemetry/api'
import type { FastifyInstance, FastifyReply, FastifyRequest, HookHandlerDoneFunction } from 'fastify'
import { currentRequest } from '../ledger/index.ts'
import { includes } from './level.ts'
import { httpMethod, registerActiveRequests } from './metrics.ts'
import type { Telemetry } from './telemetry.ts'
import { endServerSpan, type ServerSpan, startServerSpan, traceparentOf } from './tracing.ts'

declare module 'fastify' {
  interface FastifyRequest {
    /** CPU of this request so far, in seconds; null where the ledger does not run. */
    cpuS(): number | null
  }
}

/**
 * Observes the requests of a Fastify application: metrics, traces and access log. No other file of `telemetry` knows
 * Fastify. Call it before the routes are registered.
 */
export function instrument(app: FastifyInstance, telemetry: Telemetry): void {
  const hasLedger = includes(telemetry.level, 'ledger')
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
    if (account !== undefined && span !== null) account.attributes['trace_id'] = span.traceId

    count(method, 1)
    whenEnded(request.raw, reply.raw, () => {
      count(method, -1)
      const answered = reply.raw.writableFinished
      const outcome = {
        status: answered ? reply.statusCode : 0,
        errorType: answered
          ? reply.statusCode >= 500
            ? String(reply.statusCode)
            : ''
          : 'client_disconnected',
        durationMs: performance.now() - startMs,
        cpuS: account?.cpuS ?? null,
      }
      observe(request, { method, route, span, ...outcome })
    })
    runInSpan(span, request, reply, done)
  })

  function startSpan(request: FastifyRequest, method: string, route: string | undefined): ServerSpan | null {
    const sampled = telemetry.tracing?.sampler.decide(request.headers)
    return sampled === undefined ? null : startServerSpan(sampled, { method, route, raw: request.raw })
  }

  function observe(request: FastifyRequest, observed: Observed): void {
    const { method, route, status, errorType, durationMs, cpuS, span } = observed
    const statusText = status === 0 ? '' : String(status)
    telemetry.metrics?.requestDuration
      .series(method, route ?? '', statusText, errorType)
      .observe(durationMs / 1000, span?.traceId)
    if (span !== null) endServerSpan(span, { status, errorType, cpuS })
    telemetry.accessLog?.write({
      method: request.method,
      url: request.url,
      status,
      durationMs,
      cpuUs: cpuS === null ? null : Math.round(cpuS * 1e6),
      traceId: span?.traceId,
    })
  }
}

interface Observed {
  method: string
  /** The pattern; undefined where none matched. */
  route: string | undefined
  span: ServerSpan | null
  /** 0: the client went away before the answer was complete. */
  status: number
  /** As the conventions have it: empty on success. */
  errorType: string
  durationMs: number
  cpuS: number | null
}

function runInSpan(
  span: ServerSpan | null,
  request: FastifyRequest,
  reply: FastifyReply,
  done: HookHandlerDoneFunction,
): void {
  if (span === null) {
    done()
    return
  }
  reply.header('traceparent', traceparentOf(span))
  // The parts of a body arrive in callbacks of the connection.
  context.bind(span.context, request.raw)
  context.with(span.context, done)
}

/** Requests of a connection that have no complete answer. */
const openOf = new WeakMap<Socket, Set<() => void>>()

/**
 * Calls back once, when the response is complete or the connection closes before. A response that waits for an earlier
 * one of its connection does not tell that the connection has closed.
 */
function whenEnded({ socket }: IncomingMessage, response: ServerResponse, ended: () => void): void {
  let open = openOf.get(socket)
  if (open === undefined) {
    const all = new Set<() => void>()
    socket.once('close', () => {
      for (const end of all) end()
    })
    openOf.set(socket, all)
    open = all
  }
  const ofConnection = open
  const end = () => {
    if (ofConnection.delete(end)) ended()
  }
  ofConnection.add(end)
  response.once('finish', end)
}
