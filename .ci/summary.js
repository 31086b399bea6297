import { existsSync, readFileSync } from 'node:fs'
import { stripVTControlCharacters } from 'node:util'

/**
 * Names what failed, then prints `N passed, N failed`, and exits with 1 if anything failed. The names stand at the very
 * end, because of a long log often only the end is kept.
 *
 * `.ci/run` leaves in one folder, for each part that it ran: `PART.json`, vitest's own report, from which the counts
 * come; `PART.log`, the output; and `PART.broken` if the exit code was not 0. A part that broke without a failed test
 * (a lint error, for example) counts as one failure.
 */
const folder = process.argv[2]
let passed = 0
let failed = 0
for (const part of ['install', 'quick', 'thorough']) {
  const report = readReport(`${folder}/${part}.json`)
  passed += report.numPassedTests
  failed += report.numFailedTests
  for (const { name, message, assertionResults, status } of report.testResults) {
    if (status !== 'failed') continue
    const tests = assertionResults.filter(test => test.status === 'failed')
    // A file whose set-up broke has no failed test, only skipped ones.
    if (tests.length === 0) printFailure(name, message.split('\n').slice(0, 12))
    for (const test of tests) {
      printFailure(test.fullName, test.failureMessages.join('\n').split('\n').slice(0, 12))
    }
  }
  if (existsSync(`${folder}/${part}.broken`) && report.numFailedTests === 0) {
    failed += 1
    const log = stripVTControlCharacters(readFileSync(`${folder}/${part}.log`, 'utf8'))
    printFailure(`${part}, without a failed test. Its last lines`, log.trimEnd().split('\n').slice(-25))
  }
}
console.log(`\n${passed} passed, ${failed} failed`)
process.exitCode = failed === 0 ? 0 : 1

function readReport(file) {
  if (!existsSync(file)) return { numPassedTests: 0, numFailedTests: 0, testResults: [] }
  return JSON.parse(readFileSync(file, 'utf8'))
}

function printFailure(what, lines) {
  console.log(`\nfailed: ${what}\n  ${lines.join('\n  ')}`)
}
