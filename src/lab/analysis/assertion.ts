import type { ExperimentResult, Figure, Sample } from '../results.ts'
import { type Metric, metrics } from './metrics.ts'
import { spread } from './wording.ts'

const operators = {
  '>': (figure: Figure, bound: number) => figure.low > bound,
  '>=': (figure: Figure, bound: number) => figure.low >= bound,
  '<': (figure: Figure, bound: number) => figure.high < bound,
  '<=': (figure: Figure, bound: number) => figure.high <= bound,
}
type Operator = keyof typeof operators

/** A bound on a figure that a pipeline holds the service to. */
export interface Assertion {
  /** As it was written. */
  readonly text: string
  /** null: every experiment that was run. */
  readonly experiment: string | null
  /** A sample's label, `*` for each of them, or null: the one with the highest throughput. */
  readonly sample: string | null
  readonly metric: Metric
  readonly operator: Operator
  readonly bound: number
}

/** `[experiment[/sample]:]metric(>|>=|<|<=)number`; labels may hold anything but the form's own end. */
const form =
  /^(?:(?<experiment>[\w-]+)(?:\/(?<sample>.+))?:)?\s*(?<metric>\w+)\s*(?<operator>[<>]=?)\s*(?<bound>[\d_.e+-]+)$/i

/**
 * Reads an assertion: `throughput>10000`, `insert-cost:cpuPerRequestUs<30`,
 * `insert-cost/batched, 64 connections:p99Ms<50`, `ten-thousand/*:errors<=0.01`.
 *
 * @returns the assertion, or a sentence that says what is wrong with it
 */
export function parseAssertion(text: string): Assertion | string {
  const parts = form.exec(text.trim())?.groups
  if (parts === undefined) {
    return `"${text}" is no assertion: write [experiment[/sample]:]figure, one of > >= < <=, and a number, such as "throughput>10000".`
  }
  const metric = metrics.find(({ name }) => name.toLowerCase() === parts['metric']?.toLowerCase())
  if (metric === undefined) {
    return `"${parts['metric']}" is no figure: there are ${metrics.map(({ name }) => name).join(', ')}.`
  }
  const operator = Object.keys(operators).find((one): one is Operator => one === parts['operator'])
  const bound = Number(parts['bound']?.replaceAll('_', ''))
  if (operator === undefined || !Number.isFinite(bound)) return `"${parts['bound']}" is no number.`
  return {
    text: text.trim(),
    experiment: parts['experiment'] ?? null,
    sample: parts['sample']?.trim() ?? null,
    metric,
    operator,
    bound,
  }
}

export type AssertionOutcome = 'passed' | 'failed' | 'not-measurable'

/** One assertion held against one sample, or against an experiment that has none for it. */
export interface AssertionResult {
  readonly assertion: Assertion
  readonly experiment: string
  readonly sample: string | null
  readonly outcome: AssertionOutcome
  /** What was found, with its spread. */
  readonly found: string
}

/**
 * Holds assertions against what was measured. The unfavourable end of the spread decides, so `passed` means
 * in every repeat. What could not be measured has not passed: the outcome says so apart from `failed`.
 */
export function checkAssertions(
  assertions: readonly Assertion[],
  experiments: readonly ExperimentResult[],
): AssertionResult[] {
  return assertions.flatMap(assertion => {
    const { experiment } = assertion
    const named = experiments.filter(({ name }) => experiment === null || name === experiment)
    if (named.length > 0) return named.flatMap(result => checkExperiment(assertion, result))
    const found = experiment === null ? 'nothing was measured' : `no experiment "${experiment}" was measured`
    return [{ assertion, experiment: experiment ?? 'lab', sample: null, outcome: 'not-measurable', found }]
  })
}

function checkExperiment(assertion: Assertion, { name, samples }: ExperimentResult): AssertionResult[] {
  const chosen = samplesFor(assertion, samples)
  if (chosen.length > 0) return chosen.map(sample => checkSample(assertion, name, sample))
  const labels = samples.map(({ label }) => `"${label}"`)
  const found =
    labels.length === 0
      ? 'no sample was measured'
      : `no sample "${assertion.sample}" was measured; there are ${labels.join(', ')}`
  return [{ assertion, experiment: name, sample: null, outcome: 'not-measurable', found }]
}

function samplesFor({ sample }: Assertion, samples: readonly Sample[]): readonly Sample[] {
  if (sample === '*') return samples
  if (sample !== null) return samples.filter(({ label }) => label === sample)
  return samples.toSorted((a, b) => b.throughputPerS.median - a.throughputPerS.median).slice(0, 1)
}

function checkSample(assertion: Assertion, experiment: string, sample: Sample): AssertionResult {
  const { metric, operator, bound } = assertion
  const figure = metric.read(sample)
  const result = { assertion, experiment, sample: sample.label }
  if (figure === null) {
    return { ...result, outcome: 'not-measurable', found: `${metric.name} could not be measured here` }
  }
  const holds = operators[operator](figure, bound)
  const found = `${metric.name} ${spread(figure, metric.unit)}, asked for ${operator} ${bound}`
  return { ...result, outcome: holds ? 'passed' : 'failed', found }
}
