import { spawnSync } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { describe, expect, test } from 'vitest'
import { statedIn } from '../../../src/lab/audit/audit-command.ts'
import { auditResult, type Finding, type TestFacts } from '../../../src/lab/audit/checks.ts'
import type { StatedResult } from '../../../src/lab/audit/stated-result.ts'

/**
 * The fixtures are what k6 1.8.1, wrk 4.1.0, autocannon 9.0.0 and Locust 2.47.0 wrote about a local server whose
 * /fast answers at once, /slow after 10 to 30 ms, /tail after 8 ms and each 50th time after 400 ms, and /flaky with
 * 503 each fourth time.
 */
const folder = fileURLToPath(new URL('../../fixtures/audit/', import.meta.url))

const unknown: TestFacts = {
  users: null,
  requestsPerUser: null,
  durationS: null,
  thinkTimeMs: null,
  ratePerS: null,
  generatorCores: null,
  cores: null,
}

function read(file: string, ...edits: readonly (readonly [string, string])[]): StatedResult {
  const history = `${folder}${file.replace('_stats.csv', '_stats_history.csv')}`
  const text = edits.reduce(
    (sofar, [from, to]) => {
      expect(sofar).toContain(from)
      return sofar.replaceAll(from, to)
    },
    readFileSync(folder + file, 'utf8'),
  )
  const isLocust = file.endsWith('.csv') && existsSync(history)
  const stated = statedIn(text, isLocust ? readFileSync(history, 'utf8') : null)
  if (stated === null) throw new Error(`${file} cannot be read`)
  return stated
}

function doubts(stated: StatedResult, facts: Partial<TestFacts> = {}): Finding[] {
  return auditResult(stated, { ...unknown, ...facts }).filter(
    ({ weight }) => weight === 'impossible' || weight === 'misleading',
  )
}

describe('real results pass', () => {
  test.each<[string, Partial<TestFacts>]>([
    ['k6-closed.json', { users: 20, durationS: 8, thinkTimeMs: 0 }],
    ['k6-sleep-export.json', { users: 50, thinkTimeMs: 500 }],
    ['k6-arrivals.json', { ratePerS: 200 }],
    ['k6-ramp-export.json', { durationS: 8 }],
    ['k6-new-summary.json', { users: 50 }],
    ['wrk-latency.txt', { users: 20, durationS: 8 }],
    ['wrk-plain.txt', { generatorCores: 0.3 }],
    ['wrk-fast.txt', {}],
    ['wrk-tail.txt', {}],
    ['autocannon-slow.json', { users: 20, durationS: 8 }],
    ['autocannon-fast.json', {}],
    ['autocannon-pipelining.json', {}],
    ['autocannon-paced.json', { ratePerS: 589 }],
    ['locust-busy_stats.csv', { users: 20, thinkTimeMs: 0 }],
    ['locust-thinking_stats.csv', { users: 60, thinkTimeMs: 750 }],
    ['locust-tail_stats.csv', { users: 30, thinkTimeMs: 50 }],
    ['locust-mixed_stats.csv', {}],
  ])('%s with %j', (file, facts) => {
    expect(doubts(read(file), facts)).toEqual([])
    expect(doubts(read(file))).toEqual([])
  })
})

describe('figures of real results that are changed are impossible', () => {
  test.each<[string, readonly (readonly [string, string])[], string]>([
    ['k6-closed.json', [['"max": 20', '"max": 5']], "Little's law: 980 requests/s"],
    ['k6-closed.json', [['"avg": 20.25', '"avg": 14.25']], 'allow a mean latency of 15.6 ms to 24.6 ms'],
    ['k6-closed.json', [['"p(95)": 29.132', '"p(95)": 24.132']], "latency's p90 (28.2 ms) is above"],
    ['k6-closed.json', [['8027.823869', '60000']], 'take 8.03 s, but the test took 60 s'],
    ['k6-sleep-export.json', [['"max": 50,', '"max": 10,']], '49.8 iterations at once, but 10 virtual users'],
    ['k6-new-summary.json', [['"count": 800', '"count": 80000']], 'iterations at once, but 50 virtual users'],
    ['wrk-latency.txt', [['20 connections', '10 connections']], "Little's law: 1,010 requests/s × 19.8 ms"],
    ['wrk-latency.txt', [['19.79ms', '9.79ms']], 'allow a mean latency of 11.4 ms to 23.2 ms'],
    ['wrk-latency.txt', [['27.74ms', '37.74ms']], "latency's p90 (37.7 ms) is above its p99"],
    ['wrk-latency.txt', [['8085 requests', '80850 requests']], 'but the test took 8.02 s'],
    ['wrk-plain.txt', [['13.23ms', '73.23ms']], 'allows a standard deviation of at most'],
    ['wrk-plain.txt', [['3052.02', '30520.2']], 'at 30,500 requests/s take 0.806 s'],
    ['autocannon-slow.json', [['"connections": 20', '"connections": 10']], "Little's law: 879 requests/s"],
    ['autocannon-slow.json', [['22.51', '12.51']], 'allow a mean latency of 19.4 ms to 27.2 ms'],
    ['autocannon-slow.json', [['"p90": 28', '"p90": 128']], "latency's p90 (128 ms) is above"],
    ['autocannon-slow.json', [['"duration": 8.13', '"duration": 81.3']], 'but the test took 81.3 s'],
    [
      'autocannon-slow.json',
      [['"stddev": 21.3', '"stddev": 121.3']],
      'allows a standard deviation of at most',
    ],
    ['locust-busy_stats.csv', [['973.72', '1973.72']], "Little's law: 1,970 requests/s"],
    ['locust-busy_stats.csv', [['20.3395', '10.3395']], 'allow a mean latency of 16.8 ms to 23.2 ms'],
    ['locust-busy_stats.csv', [[',28,29,', ',29.5,29,']], "latency's p90 (29.5 ms) is above"],
    [
      'locust-busy_stats.csv',
      [
        ['49.879', '49879.0'],
        ['50,50', '50,49000'],
      ],
      'longer than the test of 9 s',
    ],
    ['locust-busy_stats.csv', [['8767', '87670']], 'but the test took 9 s'],
  ])('%s with %j', (file, edits, sentence) => {
    const found = doubts(read(file, ...edits))
    const impossible = found.filter(({ weight }) => weight === 'impossible')
    expect(impossible.map(one => one.sentence).join('\n')).toContain(sentence)
  })
})

test('answers that the checks of a k6 script refuse are counted all the same', () => {
  const passed = '"passes": 6065,\n      "fails": 0'
  const found = doubts(read('k6-ramp-export.json', [passed, '"passes": 2000,\n      "fails": 4065']))
  expect(found.map(({ sentence }) => sentence).join()).toContain('67 % of the checks of the script failed')
})

describe('real results that mislead', () => {
  test.each<[string, Partial<TestFacts>, string]>([
    ['k6-dropped-export.json', {}, 'iterations that were due were dropped (76 %)'],
    ['k6-dropped-export.json', { ratePerS: 2000 }, '2,000 iterations/s were due, and 479 were sent'],
    ['k6-flaky.json', {}, '1,150 of 4,580 requests failed (25 %)'],
    ['wrk-flaky.txt', {}, '581 requests/s succeeded'],
    ['autocannon-flaky.json', {}, '693 requests/s succeeded'],
    ['locust-flaky_stats.csv', {}, '153 of 610 requests failed (25 %)'],
    // autocannon was asked for 300 requests/s, and each of its two workers sent that many.
    ['autocannon-paced.json', { ratePerS: 300 }, '300 requests/s were due, and 589 were sent'],
    ['wrk-latency.txt', { users: 200 }, 'said to have 200 users. The file states 20'],
    ['wrk-latency.txt', { durationS: 60 }, 'said to take 60 s. The file is of 8.02 s'],
    ['wrk-latency.txt', { generatorCores: 1.9 }, 'used 1.9 of 2 cores'],
    ['k6-closed.json', { generatorCores: 1.9, cores: 2 }, 'no CPU to spare'],
    ['k6-arrivals.json', { users: 50 }, 'fewer users than stated'],
    ['locust-tail_stats.csv', { thinkTimeMs: 0 }, 'The other users had nothing to do'],
  ])('%s with %j', (file, facts, sentence) => {
    expect(
      doubts(read(file), facts)
        .map(one => one.sentence)
        .join('\n'),
    ).toContain(sentence)
  })
})

test('users that rest cannot send more than their rest allows', () => {
  const found = doubts(read('locust-busy_stats.csv'), { thinkTimeMs: 500 })
  expect(found.map(({ sentence }) => sentence).join()).toContain('send at most 40 requests/s, not 974')
})

test('a rate that a generator has no CPU for is impossible', () => {
  const edits = [
    ['973.72', '99973.72'],
    ['8767', '899767'],
    ['20.3395', '0.1'],
  ] as const
  const stated = read('locust-busy_stats.csv', ...edits)
  const sentences = (cores: number | null) =>
    doubts(stated, { cores }).flatMap(({ sentence }) => (sentence.includes('CPU') ? [sentence] : []))
  expect(sentences(2).join()).toContain('usually takes 98 us of CPU a request, so 9.8 cores')
  expect(sentences(12)).toEqual([])
  expect(sentences(null)).toEqual([])
})

test('requests without an answer are in no latency', () => {
  const errors = 'Socket errors: connect 0, read 0, write 0, timeout 900\n  985 requests'
  const found = doubts(read('wrk-flaky.txt', ['Non-2xx or 3xx responses: 985', errors]))
  expect(found.map(({ sentence }) => sentence).join()).toContain('900 requests got no answer (19 %)')
})

test('what is not known is said, and is no doubt', () => {
  const stated = { ...read('locust-busy_stats.csv'), users: null, durationS: null }
  const sentences = auditResult(stated, unknown).map(({ sentence }) => sentence)
  expect(sentences).toContain(
    "The file does not state the number of users. State it with --users to check Little's law.",
  )
  expect(doubts(stated)).toEqual([])
  expect(doubts(stated, { users: 5 })[0]?.sentence).toContain("Little's law")
})

test("autocannon's JSON may be one line of a log", () => {
  const json: unknown = JSON.parse(readFileSync(`${folder}autocannon-slow.json`, 'utf8'))
  const log = `Running 8s test\n${JSON.stringify(json)}\ndone\n`
  expect(statedIn(log, null)).toEqual(read('autocannon-slow.json'))
})

describe('the command', () => {
  const cli = fileURLToPath(new URL('../../../src/lab/cli.ts', import.meta.url))
  const audit = (...args: string[]) => {
    const { status, stdout, stderr } = spawnSync(process.execPath, [cli, 'audit', ...args], {
      cwd: folder,
      encoding: 'utf8',
    })
    return { status, stdout, stderr }
  }

  test('0: it can be true, with the history beside a _stats.csv', () => {
    const { status, stdout } = audit('locust-busy_stats.csv', '--think-time', '0s', '--duration', '9')
    expect(stdout).toContain('at most 20 users')
    expect(stdout).toContain('This result can be true.')
    expect(status).toBe(0)
  })

  test('1: impossible or misleading', () => {
    expect(audit('wrk-latency.txt', '--users', '5')).toMatchObject({
      status: 1,
      stdout: expect.stringContaining('This result cannot be true.'),
    })
    expect(audit('k6-flaky.json')).toMatchObject({
      status: 1,
      stdout: expect.stringContaining('This result is misleading.'),
    })
  })

  test.each([
    [['nowhere.json'], 'cannot be read'],
    [['locust-busy_stats_history.csv'], 'is no result of k6, wrk, autocannon or Locust'],
    [['wrk-latency.txt', '--users', '-1'], 'a number above 0'],
    [['wrk-latency.txt', '--think-time', '5'], 'with its unit'],
    [[], "missing required argument 'file'"],
  ])('2: %j', (args, message) => {
    const { status, stderr } = audit(...args)
    expect(status).toBe(2)
    expect(stderr).toContain(message)
  })
})
