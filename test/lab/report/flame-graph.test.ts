import { parseHTML } from 'linkedom'
import { describe, expect, it } from 'vitest'
import { flameGraph } from '../../../src/lab/report/plots/flame-graph.ts'
import { renderPlot } from '../../../src/lab/report/plots/report-plot.ts'
import { renderReport } from '../../../src/lab/report/report.ts'
import type { Sample } from '../../../src/lab/results.ts'
import { profileOf } from '../analysis/profiles.ts'
import { completeRun, figure, insertCost } from './fixtures.ts'

const read = 'onStreamRead@@node:internal/stream_base_commons > emit@@node:events'
const handler = 'handle@@./src/service/routes/insert.ts'
const query = 'query@@./node_modules/pg/lib/client.js'

/** 10 us a request in functions: 4 the handler's, 6 below it in `pg`; 2 more that no function took. */
const profile = profileOf({
  '(idle)': 900,
  [`${read} > ${handler}`]: 40,
  [`${read} > ${handler} > ${query}`]: 60,
  'take@@./src/telemetry/cpu-profile.ts > post@@node:inspector': 500,
})
const [first] = insertCost.samples
if (first === undefined) throw new Error('no sample')
const sample: Sample = {
  ...first,
  layersUs: {
    'own code: src/service/': figure(4, 4, 4, 2),
    pg: figure(6, 6, 6, 2),
    'kernel: receiving, HTTP parser': figure(2, 2, 2, 2),
  },
  profile: { agreement: figure(0.9, 0.9, 0.9, 2), files: ['a.cpuprofile', 'b.cpuprofile'] },
}
const profiles = new Map([
  ['a.cpuprofile', profile],
  ['b.cpuprofile', profile],
])

function boxesOf(markup: string) {
  const { document } = parseHTML(markup)
  return [...document.querySelectorAll('svg.drawing [aria-label=rect] rect')].map(box => ({
    text: box.querySelector('title')?.textContent ?? '',
    width: Number(box.getAttribute('width')),
    left: Number(box.getAttribute('x')),
    top: Number(box.getAttribute('y')),
    fill: box.getAttribute('fill'),
  }))
}

describe('flameGraph', () => {
  const plot = flameGraph(sample, profiles)
  const boxes = boxesOf(plot ? renderPlot(plot).markup : '')

  it('draws each call below its caller, as wide as its CPU, in the colour of its layer', () => {
    expect(boxes.map(({ text }) => text)).toEqual([
      'onStreamRead · node:net\n10.0 µs a request, 0 µs of it itself (node:net)',
      'emit · node:events\n10.0 µs a request, 0 µs of it itself (node:events)',
      'handle · src/service/routes/insert.ts\n10.0 µs a request, 4.00 µs of it itself (own code: src/service/)',
      'query · pg\n6.00 µs a request, 6.00 µs of it itself (pg)',
    ])
    const [root, , service, pg] = boxes
    expect((pg?.width ?? 0) / (service?.width ?? 1)).toBeCloseTo(0.6, 2)
    expect(pg?.left).toBe(root?.left)
    expect(pg?.top).toBeGreaterThan(service?.top ?? 0)
    expect(new Set(boxes.map(({ fill }) => fill)).size).toBe(3)
  })

  it('names the raw profiles, and what is not in it', () => {
    expect(plot?.note).toMatch(/2 repeats.*a\.cpuprofile, b\.cpuprofile/)
    expect(plot?.note).toContain(
      'The native part of the event loop and the helper threads have no functions, so they are missing',
    )
  })

  it('is missing where the files are', () => {
    expect(flameGraph(sample, new Map())).toBeNull()
    expect(flameGraph(first, profiles)).toBeNull()
  })

  it('survives a profile that holds no function', () => {
    const asleep = new Map([['a.cpuprofile', profileOf({ '(idle)': 10 })]])
    expect(flameGraph(sample, asleep)).toBeNull()
  })

  it('gets no markup from a function’s name into the page, whatever its length', () => {
    const hostile = `<script>alert(1)</script>"'\u202e${'x'.repeat(5_000)}`
    const attack = new Map([['a.cpuprofile', profileOf({ [`${hostile}@@./src/service/x.ts`]: 5 })]])
    const run = { ...completeRun, experiments: [{ ...insertCost, samples: [sample] }] }
    const markup = renderReport(run, attack)
    const { document } = parseHTML(markup)
    expect(document.querySelector('[data-plot=flame-graph]')).not.toBeNull()
    expect(document.querySelectorAll('script')).toHaveLength(0)
    expect(markup).not.toContain('\u202e')
    const texts = [...document.querySelectorAll('[data-plot=flame-graph] svg g[aria-label=text] text')]
    expect(Math.max(...texts.map(text => text.textContent?.length ?? 0))).toBeLessThan(200)
  })
})
