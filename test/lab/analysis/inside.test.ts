import { expect, test } from 'vitest'
import { insideSentence } from '../../../src/lab/analysis/inside.ts'
import { figure, sample } from './samples.ts'

const routes = [
  { route: 'GET /items/:id', cpuUs: figure(400), share: figure(0.9) },
  { route: 'POST /items', cpuUs: figure(900), share: figure(0.1) },
]

test('names the route, what belongs to no request, the largest package, and the ledger’s own part', () => {
  const said = insideSentence(
    sample({
      routes,
      ledgerUs: { request: figure(450), http: figure(30), helper_threads: figure(120) },
      layersUs: {
        'helper threads': figure(300),
        '@insertlab/cpu-ledger': figure(250),
        pg: figure(200),
        'own code: src/': figure(210),
      },
      profile: { agreement: null, files: ['a.cpuprofile'] },
    }),
  )
  expect(said).toBe(
    'A request to "GET /items/:id" uses 400 us (380–420) of CPU. 25 % of the CPU of the process belongs to no request. The installed package that uses most is pg: 200 us (190–210) a request. The CPU of the service includes the ledger that --start loads: 250 us (238–263) a request.',
  )
})

test('says nothing of packages without a profile, and nothing at all without a ledger', () => {
  const parts = sample({ routes, ledgerUs: { request: figure(1) } })
  expect(insideSentence(parts)).toMatch(/0 % of the CPU of the process belongs to no request\.$/)
  expect(insideSentence(sample())).toBeNull()
})

test('compares the ledger with the process within a repeat, because medians of parts do not add up', () => {
  const swinging = (...values: number[]) => ({ ...figure(20), values })
  const said = insideSentence(
    sample({
      routes,
      ledgerUs: { request: swinging(10, 30, 20), http: swinging(30, 10, 22) },
      cpuPerRequestUs: { api: swinging(40, 40, 40), database: null, generator: null },
    }),
  )
  expect(said).toContain('the CPU of the process, read from outside, differ by at most 5 %.')
})
