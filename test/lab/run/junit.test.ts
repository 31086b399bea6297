import { DOMParser } from 'linkedom'
import { expect, test } from 'vitest'
import { type AssertionResult, parseAssertion } from '../../../src/lab/analysis/assertion.ts'
import { junitXml } from '../../../src/lab/run/junit.ts'

function result(text: string, change: Partial<AssertionResult>): AssertionResult {
  const assertion = parseAssertion(text)
  if (typeof assertion === 'string') throw new Error(assertion)
  return {
    assertion,
    experiment: 'ping',
    sample: 'ping, 8 connections',
    outcome: 'passed',
    found: '',
    ...change,
  }
}

const results = [
  result('throughput>10', {}),
  result('p99Ms<5', { outcome: 'failed', found: 'p99Ms 9 ms (8–10), asked for < 5' }),
  result('p99Ms<5', {
    experiment: 'insert-cost',
    sample: null,
    outcome: 'not-measurable',
    found: 'no sample',
  }),
]

test('a suite an experiment, a case an assertion, counted by what became of them', () => {
  const document = new DOMParser().parseFromString(junitXml(results), 'text/xml')
  const all = document.querySelector('testsuites')
  expect(all?.getAttribute('tests')).toBe('3')
  expect(all?.getAttribute('failures')).toBe('1')
  expect(all?.getAttribute('errors')).toBe('1')
  const [ping, inserts] = document.querySelectorAll('testsuite')
  expect(ping?.getAttribute('name')).toBe('ping')
  expect(ping?.querySelectorAll('testcase')).toHaveLength(2)
  expect(ping?.querySelector('testcase')?.getAttribute('name')).toContain('(ping, 8 connections)')
  expect(ping?.querySelector('failure')?.getAttribute('message')).toContain('p99Ms 9 ms')
  expect(inserts?.querySelector('error')?.getAttribute('message')).toBe('no sample')
})

test('a label from anywhere stays text, and the file XML', () => {
  const hostile = '"><failure/>&\n\u0000\ud800\ufffe'
  const xml = junitXml([result('throughput>10', { sample: hostile })])
  expect(xml).toContain('(&quot;&gt;&lt;failure/&gt;&amp;&#10;\ufffd\ufffd\ufffd)')
  expect(new DOMParser().parseFromString(xml, 'text/xml').querySelectorAll('failure')).toHaveLength(0)
})
