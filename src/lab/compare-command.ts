import { styleText } from 'node:util'
import {
  type Change,
  compareResults,
  type Outcome,
  type ResultsComparison,
  type SampleChanges,
} from './analysis/compare.ts'
import type { Shift } from './analysis/shift.ts'
import { number, range } from './analysis/wording.ts'
import { exitCodes } from './errors.ts'
import type { Figure, Manifest, Results } from './results.ts'
import { readResults } from './run/results-folder.ts'
import { textTable } from './run/text-table.ts'

/**
 * Prints what changed beyond the noise from one result to another. Gives the exit code: results that have nothing in
 * common are wrong usage.
 */
export function runCompareCommand(before: string, after: string, showAll: boolean): number {
  const [earlier, later] = [readResults(before).results, readResults(after).results]
  const comparison = compareResults(earlier, later)
  console.log(comparisonText(earlier, later, comparison, showAll))
  return comparison.samples.length === 0 ? exitCodes.usage : exitCodes.done
}

/** Pure, but for the colours that the terminal takes. */
export function comparisonText(
  before: Results,
  after: Results,
  comparison: ResultsComparison,
  showAll: boolean,
): string {
  return [
    headline('before', before),
    headline('after ', after),
    ...cautions(before, after, comparison).map(caution => `note    ${caution}`),
    '',
    ...comparison.diagnoses.map(
      ({ experiment, before, after }) => `${experiment}: the diagnosis was ${before} and is ${after}`,
    ),
    ...table(comparison, showAll),
    ...comparison.unmatched.before.map(name => `only before: ${name}`),
    ...comparison.unmatched.after.map(name => `only after: ${name}`),
    summary(comparison),
  ].join('\n')
}

function headline(name: string, { startedAt, manifest, complete }: Results): string {
  const commit = manifest.commit === null ? [] : [`commit ${manifest.commit}`]
  const incomplete = complete ? [] : ['incomplete']
  return [`${name}  ${startedAt}`, ...commit, ...incomplete].join(', ')
}

/** Facts of a run that change its figures by themselves. */
const facts = [
  'cpuModel',
  'cores',
  'platform',
  'kernel',
  'node',
  'postgres',
  'generator',
] as const satisfies readonly (keyof Manifest)[]

function cautions(before: Results, after: Results, { machine }: ResultsComparison): string[] {
  return [
    ...facts
      .filter(fact => before.manifest[fact] !== after.manifest[fact])
      .map(fact => `${fact}: ${before.manifest[fact]} before, ${after.manifest[fact]} after`),
    ...(machine === null
      ? []
      : [
          `the machine changed: the same fixed piece of work took ${times(machine)} times the CPU; figures that moved no more than that are marked "as the machine"`,
        ]),
  ]
}

function table({ samples }: ResultsComparison, showAll: boolean): string[] {
  const shown = samples
    .map(sample => ({ ...sample, changes: sample.changes.filter(change => showAll || isChange(change)) }))
    .filter(({ changes }) => changes.length > 0)
  if (shown.length === 0) return []
  // One table for all, so that columns line up; a sample's name stands on a line of its own.
  const lines = textTable([heads, ...shown.flatMap(({ changes }) => changes.map(row))], 1)
  const [head = '', ...rows] = lines
  return [head, ...shown.flatMap(sample => [nameOf(sample), ...rows.splice(0, sample.changes.length)]), '']
}

const heads = ['  figure', 'before', 'after', 'ratio', 'confidence', 'outcome']

function row({ metric, before, after, ratio, outcome }: Change): string[] {
  return [
    `  ${metric.name}`,
    figure(before),
    figure(after),
    ratio === null ? '-' : times(ratio),
    ratio === null ? '-' : `${Math.floor(ratio.confidence * 100)} %`,
    outcome,
  ]
}

function nameOf({ experiment, label }: SampleChanges): string {
  return styleText('bold', `${experiment}, ${label}`)
}

function summary({ samples }: ResultsComparison): string {
  const changes = samples.flatMap(sample => sample.changes)
  const count = (...wanted: Outcome[]) => changes.filter(({ outcome }) => wanted.includes(outcome)).length
  if (changes.length === 0) return nothingInCommon
  const tested = changes.filter(({ outcome }) => outcome !== 'not measured')
  const byChance = tested.reduce((sum, { ratio }) => sum + (ratio === null ? 0 : 1 - ratio.confidence), 0)
  return [
    `${count('better', 'worse')} of ${tested.length} figures changed beyond the noise`,
    ` (${count('better')} better, ${count('worse')} worse)`,
    count('as the machine') > 0 ? `, ${count('as the machine')} as the machine did` : '',
    count('too few repeats') > 0 ? `; ${count('too few repeats')} have too few repeats to tell` : '',
    `. By chance alone some ${Math.ceil(byChance)} might.`,
  ].join('')
}

const nothingInCommon = `The two results have no sample in common.
"compare" needs results of the same experiment, with the same --url and --path. To compare two services, use "lab ab".`

function isChange({ outcome }: Change): boolean {
  return outcome === 'better' || outcome === 'worse' || outcome === 'as the machine'
}

function times({ estimate, low, high }: Shift): string {
  return `${number(estimate)} (${number(low)}–${number(high)})`
}

function figure(value: Figure | null): string {
  return value === null ? '-' : `${number(value.median)} (${range(value)})`
}
