import { parseHTML } from 'linkedom'
import { describe, expect, it } from 'vitest'
import { scalingOf } from '../../../src/lab/analysis/scaling.ts'
import { cpuByLayer } from '../../../src/lab/report/plots/cpu-by-layer.ts'
import { naiveAndLedger } from '../../../src/lab/report/plots/naive-and-ledger.ts'
import { plotsFor } from '../../../src/lab/report/plots/plots-for.ts'
import { renderPlot } from '../../../src/lab/report/plots/report-plot.ts'
import { distinguishing } from '../../../src/lab/report/plots/rows.ts'
import { findSweep } from '../../../src/lab/report/plots/throughput-sweep.ts'
import type { ExperimentResult, Sample } from '../../../src/lab/results.ts'
import {
  batchSweep,
  figure,
  inconclusive,
  insertCost,
  observabilityPrice,
  pingScaling,
  pingSweep,
  rowsPerRequest,
} from './fixtures.ts'

const namesOf = (experiment: ExperimentResult) => plotsFor(experiment).map(plot => plot.name)

describe('plotsFor', () => {
  it('chooses by what the data supports', () => {
    expect(namesOf(pingSweep)).toEqual(['throughput-sweep', 'cpu-by-process', 'latency-percentiles'])
    expect(namesOf(insertCost)).toEqual([
      'naive-and-ledger',
      'cpu-by-process',
      'throughput-by-sample',
      'latency-percentiles',
    ])
    expect(namesOf(observabilityPrice)).toEqual([
      'against-control',
      'cpu-by-process',
      'cpu-by-layer',
      'cpu-by-layer',
      'throughput-by-sample',
      'latency-percentiles',
    ])
    expect(namesOf(inconclusive)).toEqual(['throughput-by-sample', 'latency-percentiles'])
  })

  it('draws nothing from no samples, and no comparison from one', () => {
    expect(namesOf({ ...insertCost, samples: [] })).toEqual([])
    expect(namesOf({ ...insertCost, samples: insertCost.samples.slice(0, 1) })).toEqual([
      'naive-and-ledger',
      'cpu-by-process',
    ])
  })
})

describe('findSweep', () => {
  it('finds swept connections as one series', () => {
    const sweep = findSweep(pingSweep.samples)
    expect(sweep?.axis.name).toBe('connections')
    expect(sweep?.series.map(series => series.points.map(point => point.x))).toEqual([
      [1, 2, 4, 8, 16, 32, 64, 128],
    ])
  })

  it('finds a swept numeric knob, with a series for each setting of what else varies', () => {
    const sweep = findSweep(rowsPerRequest.samples)
    expect(sweep?.axis.name).toBe('rows')
    expect(sweep?.series.map(series => series.name)).toEqual(['prepared', 'batched'])
  })

  it('does not take two settings for a curve', () => {
    expect(findSweep(insertCost.samples)).toBeNull()
  })
})

describe('distinguishing', () => {
  it('drops the parts that all labels share at either end, never a whole label', () => {
    expect(distinguishing(['prepared, off, 64 connections', 'prepared, full, 1 %, 64 connections'])).toEqual([
      'off',
      'full, 1 %',
    ])
    expect(distinguishing(['ping, 1 connection', 'ping, 8 connections'])).toEqual([
      '1 connection',
      '8 connections',
    ])
    expect(distinguishing(['same, twice', 'same, twice'])).toEqual(['twice', 'twice'])
    expect(distinguishing(['alone, 64 connections'])).toEqual(['alone, 64 connections'])
  })
})

describe('titles', () => {
  it('hold the usual reading against the ledger where the process cannot be seen from outside', () => {
    const samples = insertCost.samples.map(sample => ({
      ...sample,
      cpuPerRequestUs: { ...sample.cpuPerRequestUs, api: null },
    }))
    expect(naiveAndLedger(samples)?.title).toMatch(/68 times: .* where the ledger says 52.6 µs/)
  })

  it('state the size of the error of the usual reading, and where it is largest', () => {
    expect(naiveAndLedger(insertCost.samples)?.title).toMatch(
      /overstates .* 65 times: .*the process used 54.2 µs .*single, 64 connections/,
    )
  })

  it('do not claim an error where both readings agree', () => {
    const [sample] = insertCost.samples
    const agreeing = sample
      ? [
          {
            ...sample,
            cpuPerRequestUs: { ...sample.cpuPerRequestUs, api: figure(50, 49, 51) },
            reportedCpuUs: { ledger: figure(50, 49, 51), naive: figure(51, 50, 52) },
          },
        ]
      : []
    expect(naiveAndLedger(agreeing)?.title).toBe('The usual reading of CPU per request is right here')
  })

  it('claim no difference where the spreads overlap', () => {
    expect(plotsFor(inconclusive)[0]?.title).toBe(
      'No difference in throughput beyond the spread of the repeats: 590 to 1,180 req/s',
    )
  })
})

describe('cpuByLayer', () => {
  const [sample] = observabilityPrice.samples
  const plotOf = (change: Partial<Sample>) => cpuByLayer(sample ? [{ ...sample, ...change }] : [])[0]

  it('says how far the profile was from the process before it was scaled', () => {
    const profile = { agreement: figure(0.942, 0.94, 0.95), files: [] }
    expect(plotOf({ profile })?.note).toMatch(/had 94\.2.% \(94\.0–95\.0\) of the main thread/)
    expect(plotOf({ profile: { ...profile, agreement: null } })?.note).not.toContain('Before scaling')
  })

  it('has room for the longest value behind its last mark', () => {
    const layersUs = { pg: figure(24, 23, 25), other: figure(0.531, 0.485, 0.585) }
    const plot = plotOf({
      layersUs,
      cpuPerRequestUs: { ...(sample as Sample).cpuPerRequestUs, api: figure(26, 25, 27) },
    })
    const svg = plot && parseHTML(renderPlot(plot).markup).document.querySelector('svg.drawing')
    const value = [...(svg?.querySelectorAll('text') ?? [])].find(text => text.textContent?.includes('0.585'))
    const startPx = Number(value?.getAttribute('transform')?.match(/translate\(([\d.]+)/)?.[1])
    // 10 px from its mark; at 12 px a character of such a value takes 6.5 (Chromium, DejaVu Sans).
    expect(startPx + 10 + 6.5 * (value?.textContent?.length ?? 0)).toBeLessThan(
      Number(svg?.getAttribute('width')),
    )
  })

  it('says where the CPU of helper threads is, which no profile shows', () => {
    expect(plotOf({})?.note).toContain('their CPU is spread over the layers')
    const layersUs = { pg: figure(30, 29, 31), 'helper threads': figure(9, 8, 10) }
    expect(plotOf({ layersUs })?.note).toContain('their CPU comes from the ledger')
  })
})

/** The sliver of the DOM that these tests ask; the project's types hold no browser's. */
interface Line {
  getAttribute(name: string): string | null
  querySelector(selector: string): Line | null
}

describe('scaling', () => {
  /** Swept too shortly for its peak, which the law then puts beyond what was measured. */
  const short: ExperimentResult = {
    ...pingScaling,
    samples: pingScaling.samples.slice(0, 6),
    scaling: scalingOf(pingScaling.samples.slice(0, 6)),
  }
  const drawn = (experiment: ExperimentResult) => {
    const plot = plotsFor(experiment).find(({ name }) => name === 'scaling-curve')
    return parseHTML(plot ? renderPlot(plot).markup : '').document
  }
  const numbersIn = (path: string) => [...path.matchAll(/[ML]([\d.]+),/g)].map(match => Number(match[1]))

  it('replaces the plain sweep where there is one variant', () => {
    expect(namesOf(pingScaling)).toEqual(['scaling-curve', 'cpu-by-process', 'latency-percentiles'])
  })

  it('draws the law solid where was measured, and dashed and named where it was not', () => {
    for (const [experiment, isBeyond] of [
      [pingScaling, false],
      [short, true],
    ] as const) {
      const svg = drawn(experiment).querySelector('svg.drawing')
      const dots = [...(svg?.querySelectorAll('circle') ?? [])].map(dot => Number(dot.getAttribute('cx')))
      const lines = [...(svg?.querySelectorAll('[aria-label=line]') ?? [])]
      const isDashed = (line: Line) => line.getAttribute('stroke-dasharray') !== null
      const reach = (line: Line) =>
        Math.max(...numbersIn(line.querySelector('path')?.getAttribute('d') ?? ''))
      const solid = lines.filter(line => !isDashed(line)).map(reach)
      const dashed = lines.filter(isDashed).map(reach).filter(Number.isFinite)
      expect(Math.max(...solid)).toBeCloseTo(Math.max(...dots), 0)
      expect(dashed.some(end => end > Math.max(...dots) + 1)).toBe(isBeyond)
      expect(svg?.textContent.includes('extrapolated')).toBe(isBeyond)
    }
  })

  it('names knee, ceiling, parameters with their intervals, and what speaks against the fit', () => {
    const [plot] = plotsFor(short)
    expect(plot?.note).toMatch(/\(λ\).*\(σ\).*\(κ\); 95 % bootstrap intervals/)
    expect(plot?.note).toContain('is extrapolated: nothing beyond 32 was measured')
    const text = drawn(pingScaling).querySelector('svg.drawing')?.textContent
    expect(text).toContain('predicted ceiling 82,600')
    expect(text).toMatch(/knee [\d.]+/)
  })
})

describe('renderPlot', () => {
  const plots = [
    pingSweep,
    pingScaling,
    batchSweep,
    insertCost,
    observabilityPrice,
    inconclusive,
    rowsPerRequest,
  ].flatMap(experiment => plotsFor(experiment))

  it.each(plots.map(plot => [`${plot.name}: ${plot.title}`, plot] as const))('%s', (_, plot) => {
    const { document } = parseHTML(renderPlot(plot).markup)
    const drawings = [...document.querySelectorAll('svg')]
    expect(drawings).toHaveLength(1)
    for (const svg of drawings) {
      expect(svg.getAttribute('role')).toBe('img')
      expect(svg.getAttribute('aria-label')).toContain(plot.title)
      expect(svg.outerHTML).not.toContain('NaN')
      expect(svg.outerHTML).not.toMatch(/(?:fill|stroke)="(?:#|rgb|black|white|steelblue)/)
      expect(svg.querySelector('[aria-label$="axis label"]')?.textContent).toMatch(
        /\((?:µs|ms|req\/s|%)\)|connections|rows|clients/,
      )
    }
    expect(plot.note).toMatch(/repeats|pairs of windows/)
  })

  it('puts a mark where its value is: bars are as long as their figures', () => {
    const plot = plotsFor(insertCost).find(({ name }) => name === 'cpu-by-process')
    const { document } = parseHTML(plot ? renderPlot(plot).markup : '')
    const bars = [...(document.querySelector('svg.drawing')?.querySelectorAll('[aria-label=bar] rect') ?? [])]
    const widthOf = (fill: string, row: number) => {
      const inRow = bars.filter(bar => bar.getAttribute('fill') === fill)[row]
      return Number(inRow?.getAttribute('width')) + 1
    }
    expect(bars).toHaveLength(3 * insertCost.samples.length)
    expect(widthOf('var(--api)', 0) / widthOf('var(--api)', 1)).toBeCloseTo(128 / 54.2, 1)
    expect(widthOf('var(--database)', 0) / widthOf('var(--api)', 0)).toBeCloseTo(141 / 128, 1)
  })
})
