import { describe, expect, test } from 'vitest'
import { callTree } from '../../../src/lab/analysis/call-tree.ts'
import { foldLayers, layeredCalls, layersPerRequestUs } from '../../../src/lab/analysis/cpu-layers.ts'
import { profileOf } from './profiles.ts'

const app = 'file:///srv/src/checkout'
const inPackage = (name: string) => `${app}/node_modules/${name}/lib/index.js`
const read = 'onStreamRead@@node:internal/stream_base_commons'
const query = `query@@${inPackage('pg')}`
const handler = `handle@@${app}/src/service/routes/insert.ts`
const write = 'writeGeneric@@node:internal/stream_base_commons'

/** Layer of the innermost function of one stack. */
function layerOf(stack: string): string | undefined {
  const shares = foldLayers(layeredCalls([profileOf({ [stack]: 1 })]), null)?.shares
  return [...(shares ?? [])].find(([, share]) => share === 1)?.[0]
}

describe('the layer of a function', () => {
  test.each([
    ['parserOnIncoming@@node:_http_server', 'node core'],
    [query, 'pg'],
    [`parse@@${inPackage('pg-protocol')}`, 'pg'],
    [`send@@${inPackage('fastify')}`, 'fastify'],
    [`find@@${inPackage('find-my-way')}`, 'fastify'],
    [`plugin@@${inPackage('@fastify/swagger')}`, 'fastify'],
    [`end@@${inPackage('@opentelemetry/sdk-trace')}`, 'telemetry'],
    [`observe@@${inPackage('prom-client')}`, 'telemetry'],
    [`enter@@${app}/src/ledger/accounting.ts`, 'telemetry'],
    [handler, 'service'],
    [`run@@${inPackage('left-pad')}`, 'other code'],
    [`nested@@${app}/node_modules/left-pad/node_modules/pg/lib/index.js`, 'pg'],
    ['(garbage collector)', 'garbage collector'],
    ['(program)', 'kernel: receiving, HTTP parser'],
  ])('%s is %s', (stack, layer) => {
    expect(layerOf(stack)).toBe(layer)
  })

  test('socket writes are the kernel’s, apart by who asked Node to write', () => {
    expect(layerOf(`${read} > ${handler} > ${query} > ${write} > writev@@`)).toBe('kernel: sending queries')
    expect(layerOf(`${read} > ${query} > ${handler} > ${write} > writeUtf8String@@`)).toBe(
      'kernel: sending answers',
    )
    expect(layerOf(`connectionCorkNT@@node:_http_outgoing > ${write} > writev@@`)).toBe(
      'kernel: sending answers',
    )
  })

  test('what has no file works for its caller', () => {
    expect(layerOf(`${query} > push@@`)).toBe('pg')
    expect(layerOf(`serialize@@${inPackage('fastify')} > anonymous0@@ > asString@@`)).toBe('fastify')
    expect(layerOf(`${query} > byteLength@@node:buffer > byteLengthUtf8@@`)).toBe('node core')
  })

  test('a clock is the price of whoever reads it', () => {
    const ledger = `settle@@${app}/src/ledger/accounting.ts`
    expect(layerOf(`${ledger} > cpuUsage@@node:internal/process/per_thread > cpuUsage@@`)).toBe('telemetry')
    expect(layerOf(`${handler} > now@@node:internal/perf/performance`)).toBe('service')
    expect(layerOf('now@@node:internal/perf/performance')).toBe('node core')
  })
})

describe('foldLayers', () => {
  const profile = profileOf({
    '(idle)': 500,
    [`${read} > ${query}`]: 30,
    [`${read} > ${handler}`]: 10,
    [`takeCpuProfile@@${app}/src/telemetry/cpu-profile.ts > post@@node:inspector > send@@`]: 60,
  })

  test('leaves out sleep and the profiler', () => {
    const { shares, agreement } = foldLayers(layeredCalls([profile]), null) ?? {}
    expect(shares?.get('pg')).toBeCloseTo(0.75)
    expect(shares?.get('service')).toBeCloseTo(0.25)
    expect(agreement).toBeNull()
  })

  test('takes for native work what the thread ran beyond its functions', () => {
    // 540 samples over 540 ms of running and sleeping: 40 ms in functions, of 50 ms that ran.
    const time = { elapsedUs: 1_000_000, waitedUs: 460_000, ranUs: 50_000 }
    const { shares, agreement } = foldLayers(layeredCalls([profile]), time) ?? {}
    expect(agreement).toBeCloseTo(0.8)
    expect(shares?.get('pg')).toBeCloseTo(0.6)
    expect(shares?.get('kernel: receiving, HTTP parser')).toBeCloseTo(0.2)
    expect([...(shares?.values() ?? [])].reduce((a, b) => a + b)).toBeCloseTo(1)
  })

  test('says so where it saw more than the thread ran, and takes nothing for native', () => {
    const time = { elapsedUs: 540_000, waitedUs: 0, ranUs: 32_000 }
    const { shares, agreement } = foldLayers(layeredCalls([profile]), time) ?? {}
    expect(agreement).toBeCloseTo(1.25)
    expect(shares?.get('kernel: receiving, HTTP parser')).toBe(0)
    expect(shares?.get('pg')).toBeCloseTo(0.75)
  })

  test('knows nothing of a profile that saw only sleep', () => {
    expect(foldLayers(layeredCalls([profileOf({ '(idle)': 9 })]), null)).toBeNull()
    expect(foldLayers(layeredCalls([{ nodes: [], samples: [] }]), null)).toBeNull()
  })
})

describe('layersPerRequestUs', () => {
  const folded = foldLayers(layeredCalls([profileOf({ [query]: 3, [handler]: 1 })]), null)
  if (folded === null) throw new Error('nothing folded')

  test('adds up to the process’s CPU, helper threads apart', () => {
    expect(Object.fromEntries(layersPerRequestUs(folded, 50, 10))).toEqual({
      pg: 30,
      service: 10,
      'helper threads': 10,
      'kernel: receiving, HTTP parser': 0,
    })
  })

  test('spreads unknown helper threads over all layers', () => {
    const amounts = layersPerRequestUs(folded, 50, null)
    expect(amounts.get('pg')).toBeCloseTo(37.5)
    expect(amounts.has('helper threads')).toBe(false)
  })
})

describe('callTree', () => {
  test('joins the same chain of callers, within a profile and over several', () => {
    const one = profileOf({ [`${read} > ${query}`]: 2, [`${read} > ${handler}`]: 1 })
    const root = callTree([one, one])
    const [reading] = root.callees.values()
    expect(root.callees.size).toBe(1)
    expect([...(reading?.callees.values() ?? [])].map(({ name, self }) => [name, self])).toEqual([
      ['query', 4],
      ['handle', 2],
    ])
  })

  test('comes to an end on a file that is no tree', () => {
    const circle = (id: number, child: number) => ({
      ...{ id, callFrame: { functionName: `f${id}`, url: '' } },
      children: [child, 99],
    })
    const root = callTree([{ nodes: [circle(1, 2), circle(2, 1)], samples: [2, 2, 7] }])
    expect([...root.callees.values()]).toMatchObject([{ name: 'f2', self: 2 }])
  })
})
