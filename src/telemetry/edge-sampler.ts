import { type Context, diag, propagation, ROOT_CONTEXT, SpanKind, trace } from '@opentelemetry/api'
import { getNumberFromEnv, getStringFromEnv } from '@opentelemetry/core'
import {
  AlwaysOffSampler,
  AlwaysOnSampler,
  type IdGenerator,
  ParentBasedSampler,
  RandomIdGenerator,
  type Sampler,
  SamplingDecision,
  TraceIdRatioBasedSampler,
} from '@opentelemetry/sdk-trace'

const defaultSampler = 'parentbased_traceidratio'
const defaultRatio = 0.01

/** A request that is sampled. */
export interface SampledRequest {
  /** Contains the caller's span, if the request names one. */
  parent: Context
}

/**
 * Makes the sampling decision once, when a request arrives and before a span is made. In the SDK, a span that is not
 * sampled still costs a context and a span object, also for each query.
 *
 * The decision is that of the SDK's own sampler for the trace id, so it agrees with every other service of the trace.
 * The id of a new trace is therefore made here, and the SDK takes it from here when the server span starts.
 */
export class EdgeSampler implements IdGenerator {
  readonly #sampler: Sampler
  readonly #random = new RandomIdGenerator()
  /** The trace id of the next span without a parent. */
  #traceId: string | undefined

  constructor(sampler: Sampler) {
    this.#sampler = sampler
  }

  /**
   * Start the request's server span directly after this call.
   * @returns undefined if the request is not sampled.
   */
  decide(headers: Readonly<Record<string, unknown>>): SampledRequest | undefined {
    const parent = propagation.extract(ROOT_CONTEXT, headers)
    const caller = trace.getSpanContext(parent)
    const traceId = caller?.traceId ?? this.#random.generateTraceId()
    const { decision } = this.#sampler.shouldSample(parent, traceId, '', SpanKind.SERVER, {}, [])
    if (decision !== SamplingDecision.RECORD_AND_SAMPLED) return undefined
    if (caller === undefined) this.#traceId = traceId
    return { parent }
  }

  readonly generateTraceId = (): string => {
    const traceId = this.#traceId ?? this.#random.generateTraceId()
    this.#traceId = undefined
    return traceId
  }

  readonly generateSpanId = (): string => this.#random.generateSpanId()
}

/**
 * The sampler that `OTEL_TRACES_SAMPLER` and `OTEL_TRACES_SAMPLER_ARG` name. A value that is wrong is reported and
 * counts as not set, as the specification says.
 */
export function samplerFromEnv(name = getStringFromEnv('OTEL_TRACES_SAMPLER') ?? defaultSampler): Sampler {
  switch (name) {
    case 'always_on':
      return new AlwaysOnSampler()
    case 'always_off':
      return new AlwaysOffSampler()
    case 'traceidratio':
      return new TraceIdRatioBasedSampler(ratioFromEnv())
    case 'parentbased_always_on':
    case 'parentbased_always_off':
    case 'parentbased_traceidratio':
      return new ParentBasedSampler({ root: samplerFromEnv(name.replace('parentbased_', '')) })
    default:
      diag.error(`OTEL_TRACES_SAMPLER is ${JSON.stringify(name)}: ${defaultSampler} is used`)
      return samplerFromEnv(defaultSampler)
  }
}

function ratioFromEnv(): number {
  const ratio = getNumberFromEnv('OTEL_TRACES_SAMPLER_ARG')
  if (ratio === undefined || (ratio >= 0 && ratio <= 1)) return ratio ?? defaultRatio
  diag.error(`OTEL_TRACES_SAMPLER_ARG is ${ratio}, not from 0 to 1: ${defaultRatio} is used`)
  return defaultRatio
}
