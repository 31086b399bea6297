import { parseHTML } from 'linkedom'
import { describe, expect, it } from 'vitest'
import { againstControl } from '../../../src/lab/report/plots/against-control.ts'
import { renderPlot } from '../../../src/lab/report/plots/report-plot.ts'
import type { Sample } from '../../../src/lab/results.ts'
import { figure, insertCost, repeated } from './fixtures.ts'

const [first] = insertCost.samples
if (first === undefined) throw new Error('no sample')

/** A sample whose repeats cost so much, with a control of 10 us a request. */
function controlled(label: string, [low, median, high]: readonly [number, number, number]): Sample {
  return {
    ...(first as Sample),
    label,
    cpuPerRequestUs: { api: repeated(median, low, high), database: null, generator: null },
    besideUs: repeated(10, 10, 10),
  }
}

describe('againstControl', () => {
  const samples = [
    controlled('bare', [9.9, 10, 10.1]),
    controlled('ledger', [19, 20, 21]),
    controlled('all', [39, 40, 41]),
  ]

  it('says by how much the cheapest and the dearest differ from the control', () => {
    expect(againstControl(samples)?.title).toBe(
      'CPU of a request, compared with the control: from +0 % (−1 % to +1 %) with “bare” to +300 % (+290 % to +310 %) with “all”',
    )
  })

  it('claims no difference where repeats reach into each other', () => {
    const title = againstControl([
      controlled('bare', [9.9, 10, 10.1]),
      controlled('ledger', [10, 10.3, 10.6]),
    ])?.title
    expect(title).toContain('do not differ beyond their spread')
  })

  it('shows each pair and the medians, as far apart as their ratios', () => {
    const plot = againstControl(samples)
    const { document } = parseHTML(plot ? renderPlot(plot).markup : '')
    const dots = [...document.querySelectorAll('svg.drawing [aria-label=dot]')].map(group =>
      [...group.querySelectorAll('circle')].map(circle => Number(circle.getAttribute('cx'))),
    )
    const [repeats = [], medians = []] = dots
    expect(repeats).toHaveLength(9)
    const [bare = 0, twice = 0, fourTimes = 0] = medians
    expect(twice - bare).toBeGreaterThan(50)
    expect(fourTimes - twice).toBeCloseTo(twice - bare, 3)
  })

  it('shows nothing without a control, or where the values do not pair up', () => {
    expect(againstControl(insertCost.samples)).toBeNull()
    const [sample] = samples
    expect(againstControl(sample ? [{ ...sample, besideUs: figure(10, 10, 10) }] : [])).toBeNull()
  })
})
