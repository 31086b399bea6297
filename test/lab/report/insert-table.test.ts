import { parseHTML } from 'linkedom'
import { expect, test } from 'vitest'
import { insertTable } from '../../../src/lab/report/insert-table.ts'
import type { Figure, RowAudit, Sample } from '../../../src/lab/results.ts'
import { resultsOf } from '../analysis/results.ts'
import { sample } from '../analysis/samples.ts'

const whole: RowAudit = {
  ...{ windowRows: 9000, windowFound: 9400, exactRows: 192, exactFound: 192 },
  ...{ ids: 192, idsFound: 192 },
}

function of(median: number): Figure {
  return { median, low: median - 10, high: median + 10, repeats: 3 }
}

interface Measured {
  stack: string
  rows?: number
  bulk?: string
  connections?: number
  api: number
  change?: Partial<Sample>
}

function measured({ stack, rows = 1, bulk, connections = 64, api, change }: Measured): Sample {
  return sample({
    label: [stack, rows, bulk, connections].join(' '),
    knobs: { stack, rows, ...(bulk !== undefined && { bulk }) },
    load: { generator: 'undici', mode: 'closed', connections, durationS: 2 },
    cpuPerRequestUs: { api: of(api), database: of(api / 2), generator: of(15) },
    versions: `Node 24.0.0, ${stack} 1.0.0`,
    audit: whole,
    ...change,
  })
}

const samples = [
  measured({
    stack: 'Slow ORM',
    api: 300,
    change: { layersUs: { 'slow-orm': of(200), pg: of(60), 'garbage collector': of(40) } },
  }),
  measured({ stack: 'Slow ORM', rows: 10, api: 2000 }),
  measured({ stack: 'Slow ORM', rows: 10, bulk: 'createMany', api: 400 }),
  measured({ stack: 'Driver', api: 100 }),
  measured({ stack: 'Driver', api: 150, connections: 1 }),
]

function tableOf(some: readonly Sample[]) {
  const table = insertTable(resultsOf({ name: 'peers', samples: [...some] }))
  if (table === null) throw new Error('no table')
  return table
}

function lineOf(markdown: string, heading: string, stack: string): string {
  const section = markdown.slice(markdown.indexOf(`\n## ${heading}`))
  return section.split('\n').find(line => line.startsWith(`| ${stack} |`)) ?? ''
}

test('stacks are in the order of their cost, each with its spread', () => {
  const { markdown } = tableOf(samples)
  expect(lineOf(markdown, 'One row', 'Driver')).toBe(
    '| Driver | 100 (90–110) | 50.0 (40.0–60.0) | 10,000 (9,500–10,500) | 150 (140–160) | 75.0 (65.0–85.0) |',
  )
  expect(markdown.indexOf('| Driver |')).toBeLessThan(markdown.indexOf('| Slow ORM |'))
  expect(markdown).toContain(
    'In Node, a row of Slow ORM costs the API 3.00 (2.64–3.44) times the CPU of a row of Driver.',
  )
})

test('ten rows are told per row, and what one statement for them brings', () => {
  const { markdown } = tableOf(samples)
  expect(lineOf(markdown, '10 rows', 'Slow ORM')).toBe(
    '| Slow ORM | 200 (199–201) | 100 (99–101) | – | `createMany` | 40.0 (39.0–41.0) | 20.0 (19.0–21.0) | 5.00 (4.85–5.15) |',
  )
  expect(lineOf(markdown, '10 rows', 'Driver')).toBe('| Driver | – | – | – | – | – | – | – |')
})

test('packages are told from the largest part on', () => {
  expect(lineOf(tableOf(samples).markdown, 'Where the CPU', 'Slow ORM')).toBe(
    '| Slow ORM | slow-orm 200, pg 60, garbage collector 40 |',
  )
})

test.each<[string, Partial<RowAudit>, string]>([
  ['a row that was answered for in the window is missing', { windowFound: 8999 }, '**2 missing**'],
  ['a row that was answered for is missing', { exactFound: 191 }, '**2 missing**'],
  ['an id that was answered is no id of a row', { idsFound: 191 }, '**2 missing**'],
  ['a row is there that nobody was answered for', { exactFound: 193 }, 'all there, and 2 more'],
])('the table says so where %s', (_, change, said) => {
  expect(lineOf(tableOf(samples).markdown, 'Every row', 'Driver')).toMatch(/ all there \|$/)
  const changed = samples.map(one => ({ ...one, audit: { ...whole, ...change } }))
  expect(lineOf(tableOf(changed).markdown, 'Every row', 'Driver')).toContain(`| ${said} |`)
})

test('ranges that overlap, and requests that failed, are told', () => {
  const close = [measured({ stack: 'A', api: 100 }), measured({ stack: 'B', api: 110 })]
  expect(tableOf(close).markdown).toContain('a row of A. Their ranges overlap.')
  const failing = [measured({ stack: 'A', api: 100, change: { errors: { ratio: of(20), dropped: of(0) } } })]
  expect(lineOf(tableOf(failing).markdown, 'Every row', 'A')).toContain('some requests failed')
})

test('the picture is an SVG file of its own: no style of ours, a key, a bar for each process of each stack', () => {
  const { svg } = tableOf(samples)
  expect(svg).toMatch(/^<svg [^>]*xmlns="http:\/\/www\.w3\.org\/2000\/svg"/)
  expect(svg).not.toContain('var(')
  const { document } = parseHTML(svg)
  expect(document.querySelectorAll('[aria-label="bar"] rect')).toHaveLength(4)
  for (const text of ['API', 'PostgreSQL', 'Slow ORM', 'Driver', '100 + 50 µs']) {
    expect(document.documentElement.textContent).toContain(text)
  }
})

test('it is made from the results alone, and changes nothing of them', () => {
  const results = resultsOf({ name: 'peers', samples })
  const before = JSON.stringify(results)
  expect(insertTable(results)).toEqual(insertTable(JSON.parse(before)))
  expect(JSON.stringify(results)).toBe(before)
  expect(insertTable(resultsOf({ name: 'ping', samples }))).toBeNull()
  expect(insertTable(resultsOf({ name: 'peers', samples: [] }))).toBeNull()
})
