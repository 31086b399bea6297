import { writeFileSync } from 'node:fs'
import { join, relative } from 'node:path'
import { styleText } from 'node:util'
import {
  type Assertion,
  type AssertionOutcome,
  type AssertionResult,
  checkAssertions,
} from '../analysis/assertion.ts'
import { exitCodes } from '../errors.ts'
import type { ExperimentResult } from '../results.ts'
import { junitXml } from './junit.ts'

/**
 * Holds what was measured to assertions: prints a line for each, writes `junit.xml` into the results' folder,
 * and gives the exit code. What could not be measured counts as not met: a pipeline must not turn green
 * because a probe went blind.
 */
export function holdToAssertions(
  assertions: readonly Assertion[],
  experiments: readonly ExperimentResult[],
  folder: string,
): number {
  const results = checkAssertions(assertions, experiments)
  const file = join(folder, 'junit.xml')
  writeFileSync(file, junitXml(results))
  console.log(`\n${results.map(lineOf).join('\n')}\nassertions: ${relative('.', file)}`)
  return results.every(({ outcome }) => outcome === 'passed') ? exitCodes.done : exitCodes.assertionFailed
}

const marks: Record<AssertionOutcome, string> = {
  passed: styleText('green', 'passed'),
  failed: styleText('red', 'failed'),
  'not-measurable': styleText('red', 'not measurable'),
}

function lineOf({ assertion, experiment, sample, outcome, found }: AssertionResult): string {
  const where = sample === null ? experiment : `${experiment}, ${sample}`
  return `${marks[outcome]}: ${assertion.text}: ${where}: ${found}`
}
