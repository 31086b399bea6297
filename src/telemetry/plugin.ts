import type { IncomingMessage } from 'node:http'
import type { Socket } from 'node:net'
import { performance } from 'node:perf_hooks'
import { context } from '@opentelemetry/api'
import type { FastifyInstance, FastifyReply, FastifyRequest, HookHandlerDoneFunction } from 'fastify'
import { metricNames } from './metric-names.ts'
import { registerGauge } from './metrics.ts'
import { RequestScope } from './request-scope.ts'
import type { Series } from './series-histogram.ts'
import type { Telemetry } from './telemetry.ts'
import { endServerSpan, startServerSpan, traceparentOf } from './tracing.ts'

declare module 'fastify' {
  interface FastifyRequest {
    /** This request's CPU account and trace context; null under `TELEMETRY=off`. */
    scope: RequestScope | null
    /** CPU of this request so far, in seconds; null where no ledger runs. */
    cpuS(): number | null
  }
}

/**
 * Ties the ledger, the metrics and the traces to Fastify's life cycle; nothing else in `telemetry` knows
 * Fastify. Call it before the routes are registered.
 *
 * The hooks are put on each route, so that its pattern and its metric series are found once, when the route
 * is registered, and not at every request.
 *
 * @returns to be called when all routes are registered: observes requests that match none.
 */
export function instrument(app: FastifyInstance, telemetry: Telemetry): () => void {
  app.decorateRequest('scope', null)
  app.decorateRequest('cpuS', function () {
    return this.scope?.cpuS() ?? null
  })
  if (telemetry.level === 'off' && telemetry.accessLog === null) return () => {}

  const active = { count: 0 }
  if (telemetry.metrics !== null) {
    registerGauge(
      telemetry.metrics,
      metricNames.activeRequests,
      'Requests that have arrived and are not answered.',
      () => active.count,
    )
  }
  app.addHook('onRoute', route => {
    const observed = new ObservedRoute(telemetry, active, String(route.method), route.url)
    route.onRequest = [observed.begin, ...asArray(route.onRequest)]
    if (observed.hasBody) {
      route.preValidation = [observed.resumeAfterBody, ...asArray(route.preValidation)]
    }
  })
  const unmatched = new Map<string, ObservedRoute>()
  // The hook of an application reaches the plugins that are registered after it, whose requests need not run it.
  return () => {
    app.addHook('onRequest', (request, reply, done) => {
      if (!request.is404) {
        done()
        return
      }
      const { method } = request
      const observed = unmatched.get(method) ?? new ObservedRoute(telemetry, active, method, undefined)
      unmatched.set(method, observed)
      observed.begin(request, reply, done)
    })
  }
}

/** One route: where its requests begin, and the metric series they end in. */
class ObservedRoute {
  /** By its method; others are handled as soon as their headers are there. */
  readonly hasBody: boolean
  readonly #telemetry: Telemetry
  readonly #active: { count: number }
  readonly #method: string
  readonly #route: string | undefined
  /** Of its server spans. */
  readonly #name: string
  /** By status, or by the error where there was no answer. */
  readonly #durations = new Map<number | string, Series>()
  readonly #cpu = new Map<string, Series>()

  constructor(telemetry: Telemetry, active: { count: number }, method: string, route: string | undefined) {
    this.#telemetry = telemetry
    this.#active = active
    this.#method = method
    this.#route = route
    this.#name = route === undefined ? method : `${method} ${route}`
    this.hasBody = /^(POST|PUT|PATCH)/.test(method)
  }

  /**
   * Opens the account, charging what lies behind to HTTP parsing. It closes when the response has been
   * handed to the kernel, or with its connection when the client went away first.
   */
  readonly begin = (request: FastifyRequest, reply: FastifyReply, done: HookHandlerDoneFunction): void => {
    const { ledger, sampler } = this.#telemetry
    const { raw } = request
    const { unanswered, clientAddress } = connectionOf(raw.socket, sampler !== null)
    const decision = sampler?.(request.headers['traceparent'] as string | undefined)
    const traced =
      decision &&
      startServerSpan({
        name: this.#name,
        headers: decision.parent === null ? null : request.headers,
        describe: () => this.#describe(raw, clientAddress),
      })
    const scope = new RequestScope({
      ledger,
      whenSettled: this.#observeCpu,
      span: traced?.span,
      context: traced?.context,
    })
    if (this.#telemetry.level !== 'off') request.scope = scope
    ledger.enter(scope, ledger.bucket.http)
    this.#active.count += 1
    const end = () => {
      if (remove(unanswered, end)) this.#end(scope, request, reply)
    }
    unanswered.push(end)
    reply.raw.on('finish', end)
    if (traced === undefined) {
      done()
    } else {
      reply.header('traceparent', traceparentOf(traced.span))
      context.with(traced.context, done)
    }
    // It waits for its body now, of which `resumeAfterBody` charges the reading to it.
    if (this.hasBody && ledger.current === scope) ledger.enter(undefined)
  }

  /**
   * A body may arrive in later packets, and others ran meanwhile. Reading and parsing it was for this
   * request, so the gap that ends here is its own.
   */
  readonly resumeAfterBody = (
    request: FastifyRequest,
    _reply: FastifyReply,
    done: HookHandlerDoneFunction,
  ): void => {
    const { scope } = request
    if (scope !== null) this.#telemetry.ledger.enter(scope, scope)
    done()
  }

  #end(scope: RequestScope, request: FastifyRequest, reply: FastifyReply): void {
    const { ledger, metrics, accessLog } = this.#telemetry
    // Many responses of one batch finish one after the other: what lies behind was this one's.
    ledger.enter(scope, scope)
    this.#active.count -= 1
    const wasAnswered = reply.raw.writableFinished
    const status = wasAnswered ? reply.statusCode : 0
    // The convention: a status as the error's type where the answer was an error, a word where there was none.
    const errorType = wasAnswered ? (status >= 500 ? String(status) : '') : 'client_disconnected'
    if (metrics !== null) {
      this.#durationSeries(metrics, status, errorType).observe(
        (performance.now() - scope.arrivedMs) / 1000,
        scope.traceId,
      )
    }
    if (scope.span !== undefined) endServerSpan(scope.span, status, scope.cpuS(), errorType)
    if (accessLog !== null) {
      accessLog.write({
        method: request.method,
        url: request.url,
        status,
        durationMs: performance.now() - scope.arrivedMs,
        cpuUs: request.scope === null ? null : Math.round(scope.cpuS() * 1e6),
        traceId: scope.traceId,
      })
    }
    ledger.close(scope)
  }

  readonly #observeCpu = (scope: RequestScope): void => {
    const { metrics } = this.#telemetry
    if (metrics === null) return
    let series = this.#cpu.get(scope.insertStrategy)
    if (series === undefined) {
      series = metrics.requestCpu.series(this.#method, this.#route ?? '', scope.insertStrategy)
      this.#cpu.set(scope.insertStrategy, series)
    }
    series.observe(scope.settledMs / 1000, scope.traceId)
  }

  #durationSeries(metrics: NonNullable<Telemetry['metrics']>, status: number, errorType: string): Series {
    const key = status === 0 ? errorType : status
    let series = this.#durations.get(key)
    if (series === undefined) {
      series = metrics.requestDuration.series(
        this.#method,
        this.#route ?? '',
        status === 0 ? '' : String(status),
        errorType,
      )
      this.#durations.set(key, series)
    }
    return series
  }

  /** Of Node's request, because Fastify's would keep the body until the span is made. */
  #describe({ url = '', httpVersion, headers }: IncomingMessage, clientAddress: string | undefined) {
    return {
      method: this.#method,
      route: this.#route,
      path: url.split('?', 1)[0] ?? url,
      httpVersion,
      clientAddress,
      headers,
    }
  }
}

/** What is known of a client's connection from its first request on. */
interface Connection {
  /** Ends the requests that it has brought and that are not answered: usually one. */
  readonly unanswered: (() => void)[]
  readonly clientAddress: string | undefined
}

const connection = Symbol('connection')

/**
 * Made at a connection's first request. Its requests end with it by one listener, because listening for the `close` of
 * each response cost 600 instructions a request.
 *
 * The address is read here where requests are traced, not for those that are: a socket remembers it in a property of
 * its own, so one in a hundred made another hidden class of its connection's socket, and V8's caches of what Node does
 * with sockets took too many of those to hold.
 */
function connectionOf(socket: Socket & { [connection]?: Connection }, isTraced: boolean): Connection {
  const known = socket[connection]
  if (known !== undefined) return known
  const unanswered: Connection['unanswered'] = []
  socket.once('close', () => {
    for (const end of [...unanswered]) end()
  })
  const made = { unanswered, clientAddress: isTraced ? socket.remoteAddress : undefined }
  socket[connection] = made
  return made
}

/** False: it is not there any more. Usually it is the only one, and `splice` would make an array of it. */
function remove<T>(list: T[], item: T): boolean {
  const index = list.indexOf(item)
  if (index < 0) return false
  if (index === list.length - 1) list.pop()
  else list.splice(index, 1)
  return true
}

function asArray<T>(hooks: T | T[] | undefined): T[] {
  return hooks === undefined ? [] : Array.isArray(hooks) ? hooks : [hooks]
}
