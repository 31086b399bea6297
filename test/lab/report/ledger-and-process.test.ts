import { parseHTML } from 'linkedom'
import { describe, expect, it } from 'vitest'
import { ledgerAndProcess } from '../../../src/lab/report/plots/ledger-and-process.ts'
import { renderPlot } from '../../../src/lab/report/plots/report-plot.ts'
import type { Figure, Sample } from '../../../src/lab/results.ts'
import { figure, insertCost, repeated } from './fixtures.ts'

const [first] = insertCost.samples
if (first === undefined) throw new Error('no sample')
const sample: Sample = {
  ...first,
  cpuPerRequestUs: { ...first.cpuPerRequestUs, api: figure(50, 49, 51) },
  ledgerUs: {
    request: figure(30, 29, 31),
    http: figure(15, 15, 15),
    startup: figure(0, 0, 0),
    'a bucket of another service': figure(4, 4, 4),
  },
}

describe('ledgerAndProcess', () => {
  const plot = ledgerAndProcess([sample, first])

  it('says how far the ledger’s sum is from the process, and names what it is made of', () => {
    expect(plot?.title).toBe('The ledger accounts for the CPU of the process to within 2.0 %')
    expect(plot?.key.map(({ text }) => text)).toEqual([
      'charged to the request',
      'HTTP parsing, socket reads',
      'a bucket of another service',
    ])
  })

  it('compares within a repeat, because medians of parts do not add up', () => {
    const values = (each: readonly number[]): Figure => ({ ...figure(20, 10, 30, 3), values: [...each] })
    const swinging: Sample = {
      ...sample,
      cpuPerRequestUs: { ...sample.cpuPerRequestUs, api: repeated(40, 40, 40) },
      ledgerUs: { request: values([10, 30, 20]), http: values([30, 10, 20.2]) },
    }
    expect(ledgerAndProcess([swinging])?.title).toContain('to within 0.50 %')
  })

  it('stacks the entries to their sum', () => {
    const { document } = parseHTML(plot ? renderPlot(plot).markup : '')
    const bars = [...document.querySelectorAll('svg.wide [aria-label=bar] rect')].map(
      bar => Number(bar.getAttribute('width')) + 1,
    )
    expect(bars).toHaveLength(3)
    expect((bars[0] ?? 0) / (bars[1] ?? 1)).toBeCloseTo(2, 1)
  })

  it('shows nothing without a ledger or without the process’s own CPU', () => {
    expect(ledgerAndProcess([first])).toBeNull()
    const unseen = { ...sample, cpuPerRequestUs: { ...sample.cpuPerRequestUs, api: null } }
    expect(ledgerAndProcess([unseen])).toBeNull()
  })
})
