import { randomBytes } from 'node:crypto'
import { propagation, ROOT_CONTEXT, SpanKind, trace } from '@opentelemetry/api'
import { W3CTraceContextPropagator } from '@opentelemetry/core'
import { SamplingDecision, TraceIdRatioBasedSampler } from '@opentelemetry/sdk-trace'
import { afterEach, beforeAll, describe, expect, it, vi } from 'vitest'
import { EdgeSampler, samplerFromEnv } from '../../src/telemetry/edge-sampler.ts'

beforeAll(() => {
  propagation.setGlobalPropagator(new W3CTraceContextPropagator())
})
afterEach(() => vi.unstubAllEnvs())

function edgeSampler(name: string, ratio = ''): EdgeSampler {
  vi.stubEnv('OTEL_TRACES_SAMPLER', name)
  vi.stubEnv('OTEL_TRACES_SAMPLER_ARG', ratio)
  return new EdgeSampler(samplerFromEnv())
}

function traceparent(traceId: string, isSampled = false): Record<string, string> {
  return { traceparent: `00-${traceId}-${randomBytes(8).toString('hex')}-${isSampled ? '01' : '00'}` }
}

function sdkSamples(ratio: number, traceId: string): boolean {
  const { decision } = new TraceIdRatioBasedSampler(ratio).shouldSample(ROOT_CONTEXT, traceId)
  return decision === SamplingDecision.RECORD_AND_SAMPLED
}

const randomId = () => randomBytes(16).toString('hex')
const seconds = Math.floor(Date.UTC(2025, 0, 1) / 1000)
/** As X-Ray makes them: the time first. */
const timeId = (_: unknown, i: number) => (seconds + i).toString(16) + randomBytes(12).toString('hex')

describe.each([0.01, 0.1, 0.5])('traceidratio of %d', ratio => {
  it.each([
    ['random ids', Array.from({ length: 5_000 }, randomId)],
    ['ids that start with a time', Array.from({ length: 5_000 }, timeId)],
    ['extreme ids', ['0'.repeat(31).concat('1'), 'f'.repeat(32), `ffffffff${'0'.repeat(24)}`]],
  ])('decides as the SDK of any other service does, of %s', (_, ids) => {
    const sampler = edgeSampler('traceidratio', String(ratio))
    const sampled = ids.filter(id => sampler.decide(traceparent(id)) !== undefined)
    expect(sampled).toEqual(ids.filter(id => sdkSamples(ratio, id)))
    // Eight standard deviations.
    const spread = 8 * Math.sqrt(ids.length * ratio * (1 - ratio))
    if (ids.length > 1_000) expect(Math.abs(sampled.length - ids.length * ratio)).toBeLessThan(spread)
  })

  it('gives a new trace an id that other services sample too', () => {
    const sampler = edgeSampler('parentbased_traceidratio', String(ratio))
    let sampled = 0
    for (let i = 0; i < 5_000; i++) {
      const decision = sampler.decide({})
      if (decision === undefined) continue
      sampled += 1
      expect(trace.getSpanContext(decision.parent)).toBeUndefined()
      expect(sdkSamples(ratio, sampler.generateTraceId())).toBe(true)
    }
    expect(Math.abs(sampled - 5_000 * ratio)).toBeLessThan(8 * Math.sqrt(5_000 * ratio * (1 - ratio)))
  })
})

it('uses an id once', () => {
  const sampler = edgeSampler('always_on')
  expect(sampler.decide({})).toBeDefined()
  const ids = Array.from({ length: 3 }, () => sampler.generateTraceId())
  expect(new Set(ids).size).toBe(3)
  expect(ids.every(id => /^[0-9a-f]{32}$/.test(id))).toBe(true)
})

describe('a request with a parent', () => {
  const isSampled = (name: string, parentIsSampled: boolean) =>
    edgeSampler(name, '0.5').decide(traceparent(randomId(), parentIsSampled)) !== undefined

  it.each(['parentbased_always_on', 'parentbased_always_off', 'parentbased_traceidratio'])(
    'is decided by its parent under %s',
    name => {
      expect(isSampled(name, true)).toBe(true)
      expect(isSampled(name, false)).toBe(false)
    },
  )

  it('is decided without it under always_on and always_off', () => {
    expect(isSampled('always_on', false)).toBe(true)
    expect(isSampled('always_off', true)).toBe(false)
  })

  it('is its child', () => {
    const id = randomId()
    const decision = edgeSampler('parentbased_always_off').decide(traceparent(id, true))
    expect(decision && trace.getSpanContext(decision.parent)).toMatchObject({ traceId: id, isRemote: true })
  })
})

describe('the variables', () => {
  /** How many of 20,000 roots are sampled: 200 by default. */
  const sampledOf = (name: string, ratio: string) => {
    vi.stubEnv('OTEL_TRACES_SAMPLER', name)
    vi.stubEnv('OTEL_TRACES_SAMPLER_ARG', ratio)
    const sampler = samplerFromEnv()
    return Array.from({ length: 20_000 }, randomId).filter(id => {
      const { decision } = sampler.shouldSample(ROOT_CONTEXT, id, '', SpanKind.SERVER, {}, [])
      return decision === SamplingDecision.RECORD_AND_SAMPLED
    }).length
  }

  it.each([
    ['', ''],
    [' ', ' '],
    ['sometimes', ''],
    ['toString', ''],
    ['parentbased_', '0.01'],
    ['traceidratio', 'many'],
    ['traceidratio', '1.1'],
    ['traceidratio', '-0.1'],
  ])('count as not set where they are empty or wrong: "%s", "%s"', (name, ratio) => {
    expect(Math.abs(sampledOf(name, ratio) - 200)).toBeLessThan(8 * Math.sqrt(200))
  })

  it.each([
    ['always_on', '0', 20_000],
    ['always_off', '1', 0],
    ['parentbased_always_on', '', 20_000],
    ['traceidratio', '1', 20_000],
    ['parentbased_traceidratio', '0', 0],
  ])('say what is sampled: "%s", "%s"', (name, ratio, expected) => {
    expect(sampledOf(name, ratio)).toBe(expected)
  })
})
