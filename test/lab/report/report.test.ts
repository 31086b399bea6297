import { parseHTML } from 'linkedom'
import { describe, expect, it } from 'vitest'
import { type FormattedFigure, formatFigure, scaleFigure } from '../../../src/lab/report/format.ts'
import { renderReport } from '../../../src/lab/report/report.ts'
import type { ExperimentResult, Figure, Results, Sample } from '../../../src/lab/results.ts'
import { completeRun, figure, insertCost, locked, partialRun, pingSweep } from './fixtures.ts'

describe('renderReport', () => {
  const markup = renderReport(completeRun)
  const page = domOf(completeRun)

  it('has the landmarks, language, title and headings that assistive technology steers by', () => {
    expect(markup).toMatch(/^<!doctype html>\n<html lang="en">/)
    expect(page.querySelectorAll('main')).toHaveLength(1)
    expect(page.querySelectorAll('h1')).toHaveLength(1)
    expect(page.querySelector('title')?.textContent).toContain('insert-cost, ping, observability-price')
    for (const region of page.querySelectorAll('[aria-labelledby]'))
      expect(page.getElementById(region.getAttribute('aria-labelledby') ?? '')).not.toBeNull()
    for (const table of page.querySelectorAll('table')) {
      expect(table.querySelector('caption')?.textContent).not.toBe('')
      expect(table.querySelectorAll('tbody th[scope=row]').length).toBeGreaterThan(0)
    }
  })

  it('says every diagnosis with its confidence and next step before anything else', () => {
    const text = textOf(page.querySelector('main'))
    const firstQuestion = text.indexOf(insertCost.question)
    for (const { verdict: diagnosis } of completeRun.experiments) {
      expect(text.indexOf(diagnosis.sentence)).toBeGreaterThanOrEqual(0)
      expect(text.indexOf(diagnosis.sentence)).toBeLessThan(firstQuestion)
      expect(text.indexOf(diagnosis.next)).toBeLessThan(firstQuestion)
    }
    expect(textOf(page.querySelector('.diagnoses'))).toContain('medium confidence')
  })

  it('says below a diagnosis what makes it less certain', () => {
    const caution = 'The machine changed its speed.'
    const verdict = { ...insertCost.verdict, caution }
    const first = domOf({ ...completeRun, experiments: [{ ...insertCost, verdict }] }).querySelector(
      '.diagnoses li',
    )
    expect(textOf(first?.querySelector('.sentence + .caution'))).toBe(caution)
    expect(page.querySelector('.caution')).toBeNull()
  })

  it('shows every figure of every sample with its spread and its repeats', () => {
    for (const experiment of completeRun.experiments) {
      const section = page.getElementById(experiment.name)
      const rows = [...(section?.querySelectorAll('.figures tbody tr') ?? [])].map(textOf)
      for (const sample of experiment.samples) {
        const own = rows.filter(row => row.startsWith(`${sample.label} `)).join(' ')
        for (const { median, range } of figuresOf(sample)) expect(own).toContain(` ${median} ${range} `)
        expect(own).toMatch(new RegExp(` ${sample.throughputPerS.repeats}$`))
        for (const [layer, figure] of Object.entries(sample.layersUs ?? {})) {
          const { median, range } = formatFigure(figure)
          const plots = [...(section?.querySelectorAll('[data-plot=cpu-by-layer]') ?? [])].map(textOf)
          const ofSample = plots.filter(plot => plot.includes(`“${sample.label}”`)).join(' ')
          expect(ofSample).toContain(` ${layer} `)
          expect(ofSample).toMatch(new RegExp(` ${median}.µs \\(${range}\\)`))
        }
      }
    }
  })

  it('gives question, hypothesis, answer, ranked evidence, ceiling and the command that repeats it', () => {
    const text = textOf(page.getElementById('insert-cost'))
    const { question, hypothesis, answer, repeat, verdict: diagnosis } = insertCost
    for (const part of [
      question,
      hypothesis,
      answer,
      repeat,
      ...diagnosis.causes.flatMap(cause => cause.evidence),
    ])
      expect(text).toContain(part)
    const ranks = diagnosis.causes.map(cause => text.indexOf(cause.evidence[0] ?? ''))
    expect(ranks).toEqual(ranks.toSorted((a, b) => a - b))
    expect(text).toMatch(/predicted 50.900.req\/s .* measured 45.000.req\/s .* 88 % of the prediction/)
    expect(text).toContain('Tested no')
  })

  it('says what was varied and what was held constant', () => {
    const text = textOf(page.getElementById('insert-cost')?.querySelector('.held'))
    expect(text).toContain('Varied connections (1, 64); strategy (single, prepared, pipelined, batched)')
    expect(text).toMatch(/Held constant undici, closed loop.*; poolSize 20; telemetry full; workers 1$/)
  })

  it('calls throughput a lower bound where cores were shared or the generator was the limit, and only there', () => {
    const alone = {
      ...completeRun,
      manifest: { ...completeRun.manifest, sharedCores: false, warnings: [] },
    }
    const limited: ExperimentResult = {
      ...pingSweep,
      verdict: { ...pingSweep.verdict, limit: 'load-generator' },
    }
    expect(textOf(page.querySelector('.caveats'))).toContain(
      'shares 2 cores: every throughput is a lower bound',
    )
    expect(textOf(page.body)).toContain('Throughput (at least)')
    expect(textOf(domOf(alone).body)).not.toContain('at least)')
    expect(domOf(alone).querySelector('.caveats')).toBeNull()
    expect(textOf(domOf({ ...alone, experiments: [limited] }).body)).toContain('Throughput (at least)')
  })

  it('names what was not measured instead of showing a zero', () => {
    const row = domOf(partialRun).querySelectorAll('#connections .figures')[1]?.querySelector('tbody tr')
    expect(textOf(row)).toBe('pool of 20 not measured not measured 61.0 55.0–80.0 3')
    expect(domOf(partialRun).querySelector('#connections [data-plot=cpu-by-process]')).toBeNull()
  })

  it('shows every resource of the diagnosed sample by use, queue and errors, and leaves out what was not read', () => {
    const section = domOf({ ...completeRun, experiments: [locked] }).getElementById('locks')
    const rows = [...(section?.querySelectorAll('[aria-label^=Every] tbody tr') ?? [])].map(textOf)
    const rowOf = (name: string) => rows.find(row => row.startsWith(name))?.replaceAll('\u202f', ' ')
    expect(rowOf('Connection pool')).toBe(
      'Connection pool 19.8 of 20 connections in use (19.6–20.0) 15.0 ms in use at a time (14.0–16.0) 43.0 requests waiting (41.0–44.0) 31.2 ms waited for a connection (29.0–34.1) 3.00 gave up waiting (0–9.00)',
    )
    expect(rowOf('PostgreSQL: locks')).toContain('17.2 sessions waiting for a lock (Lock:transactionid)')
    expect(rowOf('PostgreSQL: locks')).toContain(
      '16.0 waiting behind a session that is idle in transaction (15.0–17.0)',
    )
    expect(rowOf('PostgreSQL: connections')).toContain('2.00 % of requests: 503')
    expect(rowOf('Batches')).toBeUndefined()
    expect(textOf(section)).toContain(
      'UPDATE counters SET n = n + $1 WHERE id = $2 1.00 1.00–1.00 14,100 13,600–14,800',
    )
    expect(textOf(section?.querySelector('[aria-label=Doubts]'))).toContain('it was not steady')
    const without = domOf(partialRun).querySelectorAll('#connections [aria-label^=Every] tbody tr')
    expect([...without].map(textOf).map(row => row.split(' ')[0])).toEqual(['API:', 'Load'])
  })

  it('says which finding was reproduced, by which ratio, or why it was not', () => {
    const table = domOf({ ...completeRun, experiments: [locked] }).querySelector('.findings')
    expect(textOf(table)).toContain('1 of 2 reported comparisons reproduced')
    const rows = [...(table?.querySelectorAll('tbody tr') ?? [])].map(textOf)
    expect(rows[0]).toMatch(/^A1 .* – – not reproduced , because one of the two was not measured$/)
    expect(rows[1]).toMatch(/^B2 .* × 4\.5 × 13\.0 11\.4–14\.5 yes , because opening/)
    expect(page.querySelector('.findings')).toBeNull()
  })

  it('shows what both values of the changed setting did', () => {
    const text = textOf(domOf({ ...completeRun, experiments: [locked] }).getElementById('locks'))
    expect(text).toMatch(
      /HOT_ROWS 1 → 64: 1,300.req\/s \(1,240–1,350\) before, 7,930.req\/s \(7,700–8,050\) after/,
    )
  })

  it('gives no latency where nothing was answered', () => {
    const none = figure(0, 0, 0)
    const dead = insertCost.samples
      .slice(0, 3)
      .map((sample, i) =>
        i > 0
          ? sample
          : { ...sample, throughputPerS: none, latencyMs: { p50: none, p90: none, p99: none, max: none } },
      )
    const section = domOf({ ...completeRun, experiments: [{ ...insertCost, samples: dead }] }).getElementById(
      'insert-cost',
    )
    expect(textOf(section?.querySelector('.figures tbody tr'))).toMatch(
      /^single, 1 connection 0 0–0 (not measured ){4}/,
    )
    const plot = section?.querySelector('[data-plot=latency-percentiles]')
    expect(plot?.querySelectorAll('svg.drawing circle')).toHaveLength(2 * 3)
  })

  it('marks an interrupted run and shows what it had', () => {
    const interrupted = domOf(partialRun)
    expect(textOf(interrupted.querySelector('.incomplete'))).toContain('Incomplete run.')
    expect(interrupted.querySelector('title')?.textContent).toContain('(incomplete)')
    expect(textOf(interrupted.getElementById('insert-cost'))).toContain('No sample was completed')
    expect(page.querySelector('.incomplete')).toBeNull()
  })

  it('survives a run that measured nothing', () => {
    const nothing = domOf({ ...completeRun, complete: false, experiments: [] })
    expect(textOf(nothing.querySelector('.summary'))).toContain('No experiment was completed.')
  })

  it('admits that a single repeat has no spread', () => {
    const once = figure(10_000, 10_000, 10_000, 1)
    const samples = insertCost.samples.slice(0, 1).map(sample => ({ ...sample, throughputPerS: once }))
    const table = domOf({ ...completeRun, experiments: [{ ...insertCost, samples }] }).querySelector(
      '.figures',
    )
    expect(textOf(table)).toContain('10,000 one run')
  })

  it('reaches for nothing outside the page and runs nothing', () => {
    expect(markup).not.toMatch(/https?:\/\/|\bsrc\s*=|@import|url\(|<script|<link|<iframe|\bon[a-z]+\s*=/i)
    for (const link of page.querySelectorAll('a'))
      expect(page.getElementById((link.getAttribute('href') ?? '').replace(/^#/, ''))).not.toBeNull()
    expect(page.querySelector('meta[http-equiv=Content-Security-Policy]')?.getAttribute('content')).toContain(
      "default-src 'none'",
    )
  })

  it('stays small enough to mail', () => {
    expect(Buffer.byteLength(markup)).toBeLessThan(500_000)
  })
})

describe('a hostile service', () => {
  const hostile = `"><script>alert(1)</script><img src=x onerror='alert(2)'></text></svg>\u202e\u0000&`

  it('gets no element and no attribute into the page, whichever text it controls', () => {
    const honest = domOf(completeRun)
    const attacked = domOf(everyTextReplaced(completeRun, hostile))
    expect(attacked.querySelectorAll('script, img, iframe, object, embed')).toHaveLength(0)
    for (const element of attacked.querySelectorAll('*'))
      expect([...element.attributes].filter(({ name }) => name.startsWith('on') || name === 'src')).toEqual(
        [],
      )
    expect(attacked.querySelectorAll('body *').length).toBeLessThanOrEqual(
      honest.querySelectorAll('body *').length,
    )
    expect(attacked.querySelector('.sentence')?.textContent).toContain('<script>alert(1)</script>')
  })

  it('cannot hide text by control characters or direction overrides', () => {
    const markup = renderReport(everyTextReplaced(completeRun, hostile))
    for (const character of ['\u0000', '\u202e']) expect(markup).not.toContain(character)
  })

  it('cannot break the page with a label of any length', () => {
    const [sample] = insertCost.samples
    const samples = sample ? [sample, { ...sample, label: 'x'.repeat(5_000) }] : []
    const page = domOf({ ...completeRun, experiments: [{ ...insertCost, samples }] })
    const texts = [...page.querySelectorAll('svg text')].map(text => text.textContent?.length ?? 0)
    expect(Math.max(...texts)).toBeLessThan(100)
    for (const title of page.querySelectorAll('.plot h4')) expect(title.textContent?.length).toBeLessThan(200)
  })
})

/** Every string a foreign target or an environment can influence; codes of ours keep their meaning. */
function everyTextReplaced(results: Results, text: string): Results {
  const { manifest } = results
  return {
    ...results,
    startedAt: text,
    manifest: {
      ...manifest,
      insertlab: text,
      commit: text,
      node: text,
      postgres: text,
      generator: text,
      platform: text,
      kernel: text,
      cpuModel: text,
      warnings: [text],
    },
    experiments: results.experiments.map(experiment => ({
      ...experiment,
      name: text,
      question: text,
      hypothesis: text,
      finding: text,
      repeat: text,
      answer: text,
      samples: experiment.samples.map(sample => ({
        ...sample,
        label: text,
        knobs: { [text]: text, strategy: `${text}${sample.knobs['strategy']}` },
        ...(sample.layersUs ? { layersUs: { [text]: figure(10, 9, 11) } } : {}),
      })),
      verdict: {
        ...experiment.verdict,
        sentence: text,
        next: text,
        causes: experiment.verdict.causes.map(cause => ({
          ...cause,
          evidence: cause.evidence.map(() => text),
        })),
        confirmed: { holds: true, effect: text },
      },
    })),
  }
}

function domOf(results: Results) {
  return parseHTML(renderReport(results)).document
}

/** Text as a reader parts it: elements by a space, white space folded; thin spaces stay. */
function textOf(node: Node | null | undefined): string {
  const parts = (from: Node): string[] =>
    from.nodeType === 3 ? [from.textContent ?? ''] : [...from.childNodes].flatMap(parts)
  return (node ? parts(node) : [])
    .join(' ')
    .replace(/[ \n\t\u00a0]+/g, ' ')
    .trim()
}

/** The sliver of the DOM that these tests walk; the project's types hold no browser's. */
interface Node {
  nodeType: number
  textContent: string | null
  childNodes: Iterable<Node>
}

function figuresOf(sample: Sample): FormattedFigure[] {
  const { latencyMs, cpuPerRequestUs, reportedCpuUs, utilisation } = sample
  const { apiThread, ...cores } = utilisation
  const amounts = [
    sample.throughputPerS,
    ...Object.values(latencyMs),
    ...Object.values(cpuPerRequestUs),
    ...Object.values(reportedCpuUs ?? {}),
    sample.errors.dropped,
  ]
  return [
    ...measured(amounts).map(value => formatFigure(value)),
    ...measured(Object.values(cores)).map(value => formatFigure(value, 2)),
    ...measured([apiThread]).map(value => formatFigure(scaleFigure(value, 100), 0)),
  ]
}

function measured(figures: (Figure | null)[]): Figure[] {
  return figures.filter(value => value !== null)
}
