import { describe, expect, test } from 'vitest'
import { callTree } from '../../../src/lab/analysis/call-tree.ts'
import {
  foldLayers,
  type LayeredCall,
  layeredCalls,
  layersPerRequestUs,
} from '../../../src/lab/analysis/cpu-layers.ts'
import { profileOf } from './profiles.ts'

const inPackage = (name: string) => `./node_modules/${name}/lib/index.js`
const read = 'onStreamRead@@node:internal/stream_base_commons'
const query = `query@@${inPackage('pg')}`
const handler = 'handle@@./src/service/routes/insert.ts'
const write = 'writeGeneric@@node:internal/stream_base_commons'

/** Layer of the innermost function of one stack. */
function layerOf(stack: string): string | undefined {
  const shares = foldLayers(layeredCalls([profileOf({ [stack]: 1 })]), null)?.shares
  return [...(shares ?? [])].find(([, share]) => share === 1)?.[0]
}

describe('the layer of a function', () => {
  const ledger = 'settle@@./src/ledger/accounting.ts'
  const clock = 'node:internal/process/per_thread'
  test.each([
    ['parserOnIncoming@@node:_http_server', 'node:http'],
    [`${handler} > end@@node:_http_outgoing`, 'node:http'],
    [query, 'pg'],
    [`parse@@${inPackage('pg-protocol')}`, 'pg-protocol'],
    [`plugin@@${inPackage('@fastify/swagger')}`, '@fastify/swagger'],
    ['nested@@./node_modules/left-pad/node_modules/pg/lib/index.js', 'pg'],
    [handler, 'own code: src/service/'],
    ['main@@./server.js', 'own code: ./'],
    ['(garbage collector)', 'garbage collector'],
    ['(program)', 'kernel: receiving, HTTP parser'],
  ])('%s is %s', (stack, layer) => {
    expect(layerOf(stack)).toBe(layer)
  })

  test('socket writes are the kernel’s, whoever asked Node to write', () => {
    expect(layerOf(`${read} > ${handler} > ${query} > ${write} > writev@@`)).toBe('kernel: socket writes')
    expect(layerOf(`connectionCorkNT@@node:_http_outgoing > ${write} > writeUtf8String@@`)).toBe(
      'kernel: socket writes',
    )
  })

  test.each([
    [`${query} > push@@`, 'pg'],
    [`${query} > wasm-function[7]@@wasm://wasm/0f1a2b3c`, 'pg'],
    [`serialize@@${inPackage('fastify')} > anonymous0@@ > asString@@`, 'fastify'],
    [`${query} > byteLength@@node:buffer > byteLengthUtf8@@`, 'node:buffer'],
  ])('what has no file works for its caller: %s is %s', (stack, layer) => {
    expect(layerOf(stack)).toBe(layer)
  })

  test.each([
    [`${ledger} > cpuUsage@@${clock} > cpuUsage@@`, 'own code: src/ledger/'],
    [`${query} > threadCpuUsage@@${clock} > threadCpuUsage@@`, 'pg'],
    [`${handler} > now@@node:internal/perf/performance`, 'own code: src/service/'],
    ['now@@node:internal/perf/performance', 'node:perf'],
  ])('a clock is the price of whoever reads it: %s is %s', (stack, layer) => {
    expect(layerOf(stack)).toBe(layer)
  })

  test('a call is found by its package, its module of Node, or its own file', () => {
    const placesOf = (call: LayeredCall): string[] => [call.place, ...call.callees.flatMap(placesOf)]
    const calls = layeredCalls([profileOf({ [`${read} > ${handler} > ${query} > push@@`]: 1 })])
    expect(placesOf(calls)).toEqual(['', 'node:net', 'src/service/routes/insert.ts', 'pg', ''])
  })
})

describe('foldLayers', () => {
  const profile = profileOf({
    '(idle)': 500,
    [`${read} > ${query}`]: 30,
    [`${read} > ${handler}`]: 10,
    ['takeCpuProfile@@./src/telemetry/cpu-profile.ts > post@@node:inspector > send@@']: 60,
  })

  test('leaves out sleep and the profiler', () => {
    const { shares, agreement } = foldLayers(layeredCalls([profile]), null) ?? {}
    expect(shares?.get('pg')).toBeCloseTo(0.75)
    expect(shares?.get('own code: src/service/')).toBeCloseTo(0.25)
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
      'own code: src/service/': 10,
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
