import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { DynamicConfigValue, Panel } from '@grafana/grafana-foundation-sdk/dashboard'
import { afterEach, describe, expect, test } from 'vitest'
import { parse } from 'yaml'
import { grafanaVersion, labelOf, readingOrder, type Variable } from '../../src/dashboards/board.ts'
import { boards } from '../../src/dashboards/boards.ts'
import { dataSources, scrapeIntervalS } from '../../src/dashboards/datasources.ts'
import { drift, render } from '../../src/dashboards/generate.ts'
import { colorOf, limitColor, stateColors } from '../../src/dashboards/palette.ts'
import { metricNames } from '../../src/telemetry/metric-names.ts'
import { knownMetrics, rules } from './known-metrics.ts'
import { panelsOf, sectionsOf, targetsOf } from './panels.ts'
import { metricsOf } from './promql.ts'

const everyPanel = boards.flatMap(dashboard =>
  panelsOf(dashboard).map(panel => ({ name: `${dashboard.uid}: ${panel.title}`, dashboard, panel })),
)

const fixedColorsOf = (properties: readonly DynamicConfigValue[]) =>
  properties.filter(({ id }) => id === 'color').map(({ value }) => value.fixedColor as string)
const isTableOfNow = ({ type, transformations }: Panel) =>
  type === 'table' && !transformations?.some(({ id }) => id === 'timeSeriesTable')

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
    const all = [
      ...(dashboard.panels ?? []),
      ...sectionsOf(dashboard).flatMap(({ heading }) => heading.panels),
    ]
    for (const panel of all) {
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
    for (const { gridPos } of panelsOf(dashboard)) {
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

  test('its header leads to every board in the order of reading, in plain sight', () => {
    expect(dashboard.links?.map(({ title, url }) => ({ title, url }))).toEqual(
      readingOrder.map(({ name, title }) => ({ title, url: `/d/insertlab-${name}` })),
    )
    for (const link of dashboard.links ?? []) {
      expect(link).toMatchObject({ type: 'link', keepTime: true, includeVars: true, asDropdown: false })
      expect(link).not.toHaveProperty('placement')
    }
  })

  test('the switches of its annotations are in plain sight', () => {
    const annotations = dashboard.annotations?.list ?? []
    expect(annotations.map(({ name }) => name)).toEqual(['Load tests', 'Alerts'])
    for (const annotation of annotations) {
      expect(annotation).toMatchObject({ enable: true, hide: false })
      expect(annotation).not.toHaveProperty('placement')
    }
  })

  test('it refreshes as often as Prometheus scrapes, unless it shows a chosen trace', () => {
    expect(dashboard.refresh).toBe(dashboard.uid === 'insertlab-trace' ? '' : `${scrapeIntervalS}s`)
  })

  const variables = (dashboard.templating?.list ?? []).map(({ name }) => name as Variable)
  const sections = sectionsOf(dashboard).map(({ heading, panels }) => ({
    title: heading.title ?? '',
    panels,
  }))

  test.each(sections)(
    '$title: each filter is obeyed by each panel, or the heading says so',
    ({ title, panels }) => {
      const [, list = ''] = /\((.+) do(?:es)? not apply\)$/.exec(title) ?? []
      const ignored = list.split(/, | and /).filter(Boolean)
      // The id of a trace chooses what is shown; it filters nothing.
      for (const name of variables.filter(name => name !== 'trace')) {
        for (const panel of panels) {
          const read = targetsOf(panel).map(({ expr, query }) => expr ?? query ?? '')
          const obeys = read.every(text => text.includes(`$${name}`))
          const obeysPartly = read.some(text => text.includes(`$${name}`))
          if (ignored.includes(labelOf(name))) expect(obeysPartly, `${panel.title} and ${name}`).toBe(false)
          else expect(obeys, `${panel.title} and ${name}`).toBe(true)
        }
      }
    },
  )
})

/** Sources whose answers carry their own units and names: a trace, a profile. */
const sourcesWithUnits: readonly string[] = [dataSources.tempo.uid, dataSources.pyroscope.uid]
const hasOwnUnits = ({ datasource }: { datasource: { uid: string } }) =>
  sourcesWithUnits.includes(datasource.uid)

/**
 * A column of the grid where the window is 1280 px wide and Grafana's menu stands beside the board, measured in Grafana
 * 12.3.
 */
const columnPx = 39.5
/**
 * How many characters of a title can be seen there: a character of the title's font takes 7.7 px, and the padding, the
 * gap to the next panel and the sign of the description take 74 px.
 */
const visibleCharacters = (span: number) => Math.floor((span * columnPx - 74) / 7.7)

describe.each(everyPanel)('$name', ({ panel }) => {
  test('says how to read the answer, has a unit, and was made for the Grafana that we start', () => {
    expect(panel.description?.length).toBeGreaterThan(60)
    const needsNoUnit = targetsOf(panel).every(hasOwnUnits)
    expect(needsNoUnit ? 'none needed' : panel.fieldConfig?.defaults.unit).toBeTruthy()
    expect(panel.pluginVersion).toBe(grafanaVersion)
  })

  test('has a title that fits', () => {
    const { title = '', type } = panel
    // A line of text needs none.
    const isLine = type === 'stat' && panel.gridPos?.h === 2
    expect(title !== '' || isLine).toBe(true)
    const fits = visibleCharacters(panel.gridPos?.w ?? 0)
    expect(title.length, title).toBeLessThanOrEqual(type === 'stat' ? Math.min(22, fits) : fits)
  })

  test('has the colours of the palette, each with its meaning', () => {
    const { color } = panel.fieldConfig?.defaults ?? {}
    if (color?.mode === 'fixed') expect(Object.values(stateColors)).toContain(color.fixedColor)
    else if (color !== undefined) expect(['thresholds', 'palette-classic-by-name']).toContain(color.mode)
    for (const step of panel.fieldConfig?.defaults.thresholds?.steps ?? []) {
      expect(Object.values(stateColors)).toContain(step.color)
    }
    const limits = new Set<string>()
    for (const { matcher, properties } of panel.fieldConfig?.overrides ?? []) {
      const [given] = fixedColorsOf(properties)
      if (given === undefined) continue
      if (matcher.id === 'byFrameRefID') {
        expect(given).toBe(limitColor)
        limits.add(String(matcher.options))
      } else {
        // A point of a chart of two quantities is named after both: "CPU per row batched".
        const name = String(matcher.options)
        const meaning = colorOf.get(name) ?? colorOf.get(name.split(' ').at(-1) ?? '')
        expect(given, name).toBe(meaning)
      }
    }
    // A name that we choose ourselves has a meaning, unless it is the only one.
    const fixed = targetsOf(panel).filter(
      ({ refId, legendFormat = '' }) => !legendFormat.includes('{{') && !limits.has(refId),
    )
    if (panel.type === 'timeseries') {
      for (const { legendFormat = '' } of fixed) expect(colorOf.has(legendFormat), legendFormat).toBe(true)
    }
  })

  test('does not name a series after nothing, and shows the past only where it draws it', () => {
    for (const target of targetsOf(panel)) {
      if (hasOwnUnits(target)) continue
      const { legendFormat, instant } = target
      expect(legendFormat).toBeTruthy()
      expect(instant ?? false).toBe(['stat', 'bargauge'].includes(panel.type) || isTableOfNow(panel))
    }
  })

  test('asks a provisioned data source, and only for metrics that exist', () => {
    expect(targetsOf(panel).length).toBeGreaterThan(0)
    for (const { expr, query, labelSelector, datasource } of targetsOf(panel)) {
      if (hasOwnUnits({ datasource })) {
        expect(query ?? labelSelector).toBeTruthy()
        continue
      }
      expect(datasource.uid).toBe(dataSources.prometheus.uid)
      for (const metric of metricsOf(expr ?? '')) expect(knownMetrics).toContain(metric)
    }
  })
})

test.each(everyPanel.filter(({ panel }) => panel.type === 'table'))(
  '$name has no column that a window of 1280 px hides',
  ({ panel }) => {
    const organize = panel.transformations?.find(({ id }) => id === 'organize')?.options
    const columns = organize.renameByName ?? organize.indexByName
    const widthOf = (field: string, column: string) => {
      const properties = panel.fieldConfig?.overrides
        .filter(({ matcher }) => [field, column].includes(matcher.options))
        .flatMap(override => override.properties)
      const property = (id: string) => properties?.find(each => each.id === id)?.value
      // 150 px is Grafana's own least width.
      return Number(property('custom.width') ?? property('custom.minWidth') ?? 150)
    }
    const needed = Object.entries<string>(columns).map(([field, column]) => widthOf(field, column))
    expect(needed.length).toBeGreaterThan(2)
    const available = (panel.gridPos?.w ?? 0) * columnPx - 20
    expect(needed.reduce((sum, width) => sum + width, 0)).toBeLessThanOrEqual(available)
  },
)

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

test('no name has two colours', () => {
  const given = new Map<string, Set<string>>()
  for (const { panel } of everyPanel) {
    for (const { matcher, properties } of panel.fieldConfig?.overrides ?? []) {
      if (matcher.id !== 'byName') continue
      for (const color of fixedColorsOf(properties)) {
        const name = String(matcher.options)
        given.set(name, (given.get(name) ?? new Set()).add(color))
      }
    }
  }
  expect(given.size).toBeGreaterThan(20)
  expect([...given].filter(([, colors]) => colors.size > 1)).toEqual([])
})

test('the header names the boards that there are, and the newest Grafana is the one that compose.yaml starts', async () => {
  expect(readingOrder.map(({ name }) => `insertlab-${name}`)).toEqual(boards.map(({ uid }) => uid))
  const compose = await readFile(new URL('../../compose.yaml', import.meta.url), 'utf8')
  expect(compose).toContain(`image: grafana/grafana:${grafanaVersion}`)
})

test('uids are distinct', () => {
  expect(new Set(boards.map(({ uid }) => uid)).size).toBe(boards.length)
})

describe('provisioning', () => {
  const read = async (path: string) =>
    parse(await readFile(new URL(`../../grafana/provisioning/${path}`, import.meta.url), 'utf8'))

  test('gives the data sources the uids that panels name', async () => {
    const files = await Promise.all(['insertlab', 'pyroscope'].map(name => read(`datasources/${name}.yml`)))
    const provisioned = files.flatMap(({ datasources }) => datasources)
    expect(provisioned.map(({ uid, type }: { uid: string; type: string }) => ({ uid, type }))).toEqual(
      Object.values(dataSources),
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
