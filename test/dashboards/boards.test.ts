import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Dashboard, Panel } from '@grafana/grafana-foundation-sdk/dashboard'
import { afterEach, describe, expect, test } from 'vitest'
import { parse } from 'yaml'
import { boards } from '../../src/dashboards/boards.ts'
import { dataSources, scrapeIntervalS } from '../../src/dashboards/datasources.ts'
import { drift, render } from '../../src/dashboards/generate.ts'
import { metricNames } from '../../src/telemetry/metric-names.ts'
import { knownMetrics, rules } from './known-metrics.ts'
import { metricsOf } from './promql.ts'

interface Target {
  expr?: string
  query?: string
  datasource: { uid: string }
}
const panelsOf = (dashboard: Dashboard) =>
  (dashboard.panels ?? []).filter(panel => panel.type !== 'row') as Panel[]
const targetsOf = (panel: Panel) => (panel.targets ?? []) as unknown as Target[]
const everyPanel = boards.flatMap(dashboard =>
  panelsOf(dashboard).map(panel => ({ name: `${dashboard.uid}: ${panel.title}`, dashboard, panel })),
)

describe('generated files', () => {
  let folder: string | undefined
  afterEach(async () => {
    if (folder) await rm(folder, { recursive: true })
    folder = undefined
  })

  test('what is committed is what the code says', async () => {
    expect(await drift(render(boards))).toEqual([])
  })

  test('a changed, a missing and a forgotten file are each found', async () => {
    folder = await mkdtemp(join(tmpdir(), 'insertlab-dashboards-'))
    await writeFile(join(folder, 'same.json'), 'a')
    await writeFile(join(folder, 'changed.json'), 'a')
    await writeFile(join(folder, 'forgotten.json'), 'a')
    const expected = new Map([
      ['same.json', 'a'],
      ['changed.json', 'b'],
      ['missing.json', 'c'],
    ])
    expect(await drift(expected, folder)).toEqual(['changed.json', 'forgotten.json', 'missing.json'])
  })
})

describe.each(boards.map(dashboard => ({ name: dashboard.uid, dashboard })))('$name', ({ dashboard }) => {
  test('no two panels overlap, and none leaves the grid', () => {
    const taken = new Map<string, string>()
    for (const panel of dashboard.panels ?? []) {
      const { x, y, w, h } = panel.gridPos ?? { x: Number.NaN, y: 0, w: 0, h: 0 }
      expect(x + w, `${panel.title} ends inside the 24 columns`).toBeLessThanOrEqual(24)
      for (let column = x; column < x + w; column++) {
        for (let line = y; line < y + h; line++) {
          expect(taken.get(`${column},${line}`), `below ${panel.title}`).toBeUndefined()
          taken.set(`${column},${line}`, panel.title ?? '')
        }
      }
    }
  })

  test('every line of panels is filled', () => {
    const widths = new Map<number, number>()
    for (const { gridPos } of dashboard.panels ?? []) {
      if (gridPos) widths.set(gridPos.y, (widths.get(gridPos.y) ?? 0) + gridPos.w)
    }
    expect(new Set(widths.values())).toEqual(new Set([24]))
  })

  test('every variable that a query uses is declared', () => {
    const declared = new Set(dashboard.templating?.list?.map(({ name }) => name))
    const used = JSON.stringify(dashboard.panels).matchAll(/\$\{?([a-z]+)\b/g)
    for (const [, name] of used) expect(declared).toContain(name)
  })

  test('the title asks a question', () => {
    expect(dashboard.title).toMatch(/\?$/)
  })

  test('leads to the others, in plain sight', () => {
    expect(dashboard.links).toMatchObject([{ type: 'dashboards', keepTime: true, includeVars: true }])
    expect(dashboard.links?.[0]).not.toHaveProperty('placement')
  })

  test('it refreshes as often as Prometheus scrapes', () => {
    expect(dashboard.refresh).toBe(`${scrapeIntervalS}s`)
  })
})

describe.each(everyPanel)('$name', ({ panel }) => {
  test('asks a question, says how to read the answer, and has a unit', () => {
    expect(panel.title).toMatch(/\?$/)
    expect(panel.description?.length).toBeGreaterThan(60)
    expect(
      panel.type === 'traces' || panel.type === 'table' ? 'none needed' : panel.fieldConfig?.defaults.unit,
    ).toBeTruthy()
  })

  test('asks a provisioned data source, and only for metrics that exist', () => {
    expect(targetsOf(panel).length).toBeGreaterThan(0)
    for (const { expr, query, datasource } of targetsOf(panel)) {
      if (datasource.uid === dataSources.tempo.uid) {
        expect(query).toBeTruthy()
        continue
      }
      expect(datasource.uid).toBe(dataSources.prometheus.uid)
      for (const metric of metricsOf(expr ?? '')) expect(knownMetrics).toContain(metric)
    }
  })
})

test.each([metricNames.processCpu, metricNames.residentMemory])(
  '%s, which every scraped process has, is read of the service alone',
  metric => {
    const read = [
      ...everyPanel.flatMap(({ panel }) => targetsOf(panel).map(({ expr }) => expr ?? '')),
      ...rules.map(({ expr }) => expr),
    ]
    const using = read.filter(expr => expr.includes(metric))
    expect(using).not.toEqual([])
    for (const expr of using) expect(expr).not.toMatch(new RegExp(`${metric}(?!\\{job="service")`))
  },
)

test('uids are distinct', () => {
  expect(new Set(boards.map(({ uid }) => uid)).size).toBe(boards.length)
})

describe('provisioning', () => {
  const read = async (path: string) =>
    parse(await readFile(new URL(`../../grafana/provisioning/${path}`, import.meta.url), 'utf8'))

  test('gives the data sources the uids that panels name', async () => {
    const { datasources } = await read('datasources/insertlab.yml')
    expect(datasources.map(({ uid, type }: { uid: string; type: string }) => ({ uid, type }))).toEqual(
      expect.arrayContaining(Object.values(dataSources)),
    )
  })

  test('tells Grafana how often Prometheus scrapes', async () => {
    const { datasources } = await read('datasources/insertlab.yml')
    const prometheus = await readFile(new URL('../../prometheus/prometheus.yml', import.meta.url), 'utf8')
    const { uid } = dataSources.prometheus
    expect(datasources.find((source: { uid: string }) => source.uid === uid).jsonData.timeInterval).toBe(
      `${scrapeIntervalS}s`,
    )
    expect(parse(prometheus).global.scrape_interval).toBe(`${scrapeIntervalS}s`)
  })

  test('exemplars lead to a dashboard that exists', async () => {
    const { datasources } = await read('datasources/insertlab.yml')
    const links = JSON.stringify(datasources).matchAll(/\/d\/([\w-]+)/g)
    for (const [, uid] of links) expect(boards.map(board => board.uid)).toContain(uid)
  })
})
