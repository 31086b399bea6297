import type { AssertionResult } from '../analysis/assertion.ts'

/**
 * Assertions as the XML that CI servers read as test results: a suite an experiment, a case an assertion
 * on a sample. What could not be measured is an `error`, as a test that could not run is. The form is small
 * and settled; the packages that write it bring more code than it takes.
 */
export function junitXml(results: readonly AssertionResult[]): string {
  const suites = Object.entries(Object.groupBy(results, ({ experiment }) => experiment))
  return [
    '<?xml version="1.0" encoding="UTF-8"?>',
    `<testsuites name="insertlab" ${counts(results)}>`,
    ...suites.flatMap(([experiment, cases = []]) => [
      `  <testsuite name="${escaped(experiment)}" ${counts(cases)}>`,
      ...cases.flatMap(testCase),
      '  </testsuite>',
    ]),
    '</testsuites>',
    '',
  ].join('\n')
}

function testCase({ assertion, experiment, sample, outcome, found }: AssertionResult): string[] {
  const name = sample === null ? assertion.text : `${assertion.text} (${sample})`
  const head = `    <testcase classname="${escaped(experiment)}" name="${escaped(name)}"`
  if (outcome === 'passed') return [`${head}/>`]
  const element = outcome === 'failed' ? 'failure' : 'error'
  return [`${head}>`, `      <${element} message="${escaped(found)}"/>`, '    </testcase>']
}

function counts(results: readonly AssertionResult[]): string {
  const count = (wanted: AssertionResult['outcome']) =>
    results.filter(({ outcome }) => outcome === wanted).length
  return `tests="${results.length}" failures="${count('failed')}" errors="${count('not-measurable')}"`
}

const entities: Record<string, string> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  '\n': '&#10;',
  '\r': '&#13;',
  '\t': '&#9;',
}

/** Text for an attribute. What XML 1.0 cannot hold at all (section 2.2) becomes U+FFFD. */
function escaped(text: string): string {
  return text
    .toWellFormed()
    .replaceAll(/[&<>"\n\r\t]/g, character => entities[character] ?? character)
    .replaceAll(/[^\x20-\ud7ff\ue000-\ufffd\u{10000}-\u{10ffff}]/gu, '\ufffd')
}
