import { stripVTControlCharacters } from 'node:util'
import { expect, test } from 'vitest'
import { compareResults } from '../../src/lab/analysis/compare.ts'
import { figureOf } from '../../src/lab/analysis/figures.ts'
import { comparisonText } from '../../src/lab/compare-command.ts'
import type { Figure, Manifest, Results } from '../../src/lab/results.ts'
import { manifest, resultsOf } from './analysis/results.ts'
import { figure, sample } from './analysis/samples.ts'

function around(median: number): Figure {
  const figure = figureOf([0.99 * median, median, 1.01 * median])
  if (figure === null) throw new Error('no repeats')
  return figure
}

function run(throughput: number, p99: number, change: Partial<Manifest> = {}): Results {
  const { latencyMs } = sample()
  const measured = sample({
    throughputPerS: around(throughput),
    latencyMs: { ...latencyMs, p99: around(p99) },
  })
  return { ...resultsOf({ name: 'ping', samples: [measured] }), manifest: { ...manifest, ...change } }
}

function text(before: Results, after: Results, showAll = false): string {
  return stripVTControlCharacters(comparisonText(before, after, compareResults(before, after), showAll))
}

test('shows what changed, with its ratio, and counts the rest', () => {
  const lines = text(run(1000, 10), run(1200, 10)).split('\n')
  expect(lines).toContain('ping, prepared, 64 connections')
  expect(lines.find(line => line.includes('throughput'))).toMatch(
    /^ {2}throughput +1,000 \(990–1,010\) +1,200 \(1,190–1,210\) +1\.2 \(1\.18–1\.22\) +90 % +better$/,
  )
  expect(lines.some(line => line.includes('p99Ms'))).toBe(false)
  expect(lines.at(-1)).toMatch(/^1 of \d+ figures changed beyond the noise \(1 better, 0 worse\)\. By chance/)
  expect(text(run(1000, 10), run(1200, 10), true)).toMatch(/p99Ms .* within the noise/)
})

test('a slower machine explains what moved no further than it did', () => {
  const slower = { fixedWorkUs: around(15_000) }
  const before = run(1200, 10, { fixedWorkUs: around(10_000) })
  const told = text(before, run(800, 30, slower))
  expect(told).toContain('the same fixed piece of work took 1.5 (1.47–1.53) times the CPU')
  expect(told).toMatch(/throughput .* as the machine/)
  // Three times the latency is more than one and a half times the work.
  expect(told).toMatch(/p99Ms .* worse/)
  expect(told).toContain('(0 better, 1 worse), 1 as the machine did')
  // A machine that gained does not explain a loss.
  expect(text(before, run(800, 10, { fixedWorkUs: around(7_000) }))).toMatch(/throughput .* worse/)
})

test('names what else differs between the runs', () => {
  const told = text(run(1000, 10), run(1000, 10, { cores: 64, node: 'v26.0.0' }))
  expect(told).toContain('cores: 2 before, 64 after')
  expect(told).toContain('node: v24.0.0 before, v26.0.0 after')
})

test('names the diagnoses that changed', () => {
  const [before, after] = [run(1000, 10), run(1000, 10)]
  const [experiment] = after.experiments
  if (experiment === undefined) throw new Error('no experiment')
  const changed = { ...experiment, verdict: { ...experiment.verdict, limit: 'api-cpu' as const } }
  expect(text(before, { ...after, experiments: [changed] })).toContain(
    'ping: the diagnosis was none-observed and is api-cpu',
  )
  expect(text(before, after)).not.toContain('the diagnosis was')
})

test('says so where there is nothing to compare', () => {
  const other = resultsOf({ name: 'ping', samples: [sample({ label: 'else', throughputPerS: figure(1) })] })
  expect(text(run(1, 1), other)).toContain('no sample in common')
  expect(text(run(1, 1), other)).toContain('only after: ping, else')
})
