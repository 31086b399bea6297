import { styleText } from 'node:util'
import { cpuOverControl, rateOverControl } from '../analysis/demand.ts'
import { scalingInWords } from '../analysis/scaling-wording.ts'
import { number, range } from '../analysis/wording.ts'
import type { Diagnosis, ExperimentResult, Figure, Reproduction, Sample } from '../results.ts'
import { textTable } from './text-table.ts'

/** What the terminal shows at the end: for each experiment the diagnosis, the answer, a short table and doubts. */
export function summaryOf(experiments: readonly ExperimentResult[]): string {
  const findings = experiments.flatMap(({ reproduction = [] }) => reproduction)
  return [...experiments.map(oneOf), ...(findings.length > 0 ? [findingsOf(findings)] : [])].join('\n\n')
}

/** The source reports' comparisons, in the reports' order: theirs, ours, and whether they agree. */
export function findingsOf(findings: readonly Reproduction[]): string {
  const inOrder = findings.toSorted((a, b) => a.finding.localeCompare(b.finding))
  return [styleText('bold', 'The findings of the reports'), ...inOrder.map(findingOf)].join('\n')
}

function findingOf({ finding, compared, reported, ours, ratio, reproduced, because }: Reproduction): string {
  const times = [
    ...(ratio.reported === null ? [] : [`${number(ratio.reported)} times there`]),
    ...(ratio.ours === null ? [] : [`${figure(ratio.ours)} times here`]),
  ]
  return [
    `${finding}  ${compared}: ${reproduced ? 'reproduced' : `not reproduced, because ${because}`}`,
    `    report  ${reported}`,
    `    here    ${ours}`,
    ...(times.length === 0 ? [] : [`    ratio   ${times.join(', ')}`]),
  ].join('\n')
}

function oneOf({ name, verdict: diagnosis, answer, samples, scaling = [] }: ExperimentResult): string {
  return [
    styleText('bold', `${name}: ${diagnosis.sentence}`),
    ...(diagnosis.caution === undefined ? [] : [diagnosis.caution]),
    answer,
    ...(diagnosis.confirmed === null ? [] : [testOf(diagnosis.confirmed)]),
    ...scalingInWords(scaling),
    tableOf(samples),
    ...samples.flatMap(pairsOf),
    ...samples.flatMap(({ label, doubts = [] }) => doubts.map(doubt => `doubt: "${label}": ${doubt}`)),
  ].join('\n')
}

function testOf({ holds, effect }: NonNullable<Diagnosis['confirmed']>): string {
  return `Test of the suspected limit: ${holds ? 'confirmed' : 'not confirmed'}. ${effect}.`
}

/** Of a sample with a control: the ratio of each pair of windows. */
function pairsOf(sample: Sample): string[] {
  const ratios = [
    { name: 'CPU per request', figure: cpuOverControl(sample) },
    { name: 'requests/s', figure: rateOverControl(sample) },
  ]
  return ratios.flatMap(({ name, figure: one }) =>
    one === null
      ? []
      : [
          `${sample.label}, ${name} over the control's: median ${figure(one)}, by pair of windows ${(one.values ?? []).map(number).join(', ')}`,
        ],
  )
}

const columns: { head: string; cell: (sample: Sample) => string }[] = [
  { head: 'step', cell: ({ label }) => label },
  { head: 'load', cell: ({ load }) => load.generator },
  { head: 'requests/s', cell: ({ throughputPerS }) => figure(throughputPerS) },
  { head: 'p50 ms', cell: ({ latencyMs }) => figure(latencyMs.p50) },
  { head: 'p99 ms', cell: ({ latencyMs }) => figure(latencyMs.p99) },
  { head: 'API us', cell: ({ cpuPerRequestUs }) => figure(cpuPerRequestUs.api) },
  { head: 'PostgreSQL us', cell: ({ cpuPerRequestUs }) => figure(cpuPerRequestUs.database) },
  { head: 'generator us', cell: ({ cpuPerRequestUs }) => figure(cpuPerRequestUs.generator) },
]

/** Medians with the lowest and highest repeat, in columns; the report has the rest. */
export function tableOf(samples: readonly Sample[]): string {
  const rows = [
    columns.map(({ head }) => head),
    ...samples.map(sample => columns.map(({ cell }) => cell(sample))),
  ]
  return textTable(rows, 2).join('\n')
}

function figure(value: Figure | null): string {
  return value === null ? '-' : `${number(value.median)} (${range(value)})`
}
