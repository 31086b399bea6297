import { expect, test } from 'vitest'
import { insideSection } from '../../../src/lab/report/inside.ts'
import { layerColour } from '../../../src/lab/report/plots/palette.ts'
import { figure, sample } from '../analysis/samples.ts'

const inside = sample({
  label: 'shop, 64 connections',
  routes: [
    { route: 'GET /items/:id', cpuUs: figure(400), share: figure(0.9) },
    { route: 'GET', cpuUs: figure(100), share: figure(0.1) },
  ],
  ledgerUs: { request: figure(370), http: figure(30), startup: { median: 0, low: 0, high: 0, repeats: 3 } },
})

test('routes and what belongs to no request, each with its spread; a bucket without CPU is left out', () => {
  const text = (insideSection([inside], inside)?.markup ?? '')
    .replaceAll(/<[^>]+>/g, ' ')
    .replaceAll(/\s+/g, ' ')
  expect(text).toContain('“shop, 64 connections”')
  expect(text).toContain('GET /items/:id 90.0 85.5–94.5 400 380–420')
  expect(text).toContain('GET, route unknown 10.0')
  expect(text).toContain('charged to the request µs HTTP parsing, socket reads µs')
  expect(text).toContain('370 352–389 30.0 28.5–31.5')
  expect(text).not.toContain('startup')
})

test('the sample with a profile comes before the diagnosed one; without a ledger there is nothing', () => {
  const profiled = { ...inside, label: 'shop, 8 connections', layersUs: { pg: figure(200) } }
  expect(insideSection([inside, profiled], inside)?.markup).toContain('shop, 8 connections')
  expect(insideSection([sample()], sample())).toBeNull()
})

test('packages get colours by size, none of which a known layer of the same sample has', () => {
  const sizes = { pg: 300, knex: 200, 'node:http': 100, 'garbage collector': 50, 'own code: src/': 40 }
  const layersUs = Object.fromEntries(Object.entries(sizes).map(([name, us]) => [name, figure(us)]))
  const colourOf = layerColour([{ layersUs }, { layersUs: { pg: figure(1) } }])
  const used = Object.keys(sizes).map(colourOf)
  expect(new Set(used).size).toBe(used.length)
  const many = Object.fromEntries(Array.from({ length: 9 }, (_, i) => [`package-${i}`, figure(9 - i)]))
  const ofMany = layerColour([{ layersUs: many }])
  expect(ofMany('package-8')).toBe(ofMany('package-7'))
  expect(ofMany('package-0')).not.toBe(ofMany('package-8'))
  expect(ofMany('node:net')).toBe(ofMany('node:http'))
})
