import { existsSync, readFileSync } from 'node:fs'
import { type Command, InvalidArgumentError } from 'commander'
import { number } from '../analysis/wording.ts'
import { positive } from '../arguments.ts'
import { exitCodes, LabError } from '../errors.ts'
import { readAutocannonResult } from './autocannon-result.ts'
import { auditResult, type Finding } from './checks.ts'
import { readK6Summary } from './k6-summary.ts'
import { readLocustStats } from './locust-stats.ts'
import type { StatedResult } from './stated-result.ts'
import { readWrkOutput } from './wrk-output.ts'

interface AuditFlags {
  users?: number
  requestsPerUser?: number
  duration?: number
  thinkTime?: number
  rate?: number
  generatorCpu?: number
  cores?: number
  history?: string
}

/** `lab audit`: whether a result that somebody else measured can be true. */
export function addAuditCommand(lab: Command, setExitCode: (code: number) => void): void {
  lab
    .command('audit')
    .description('say whether a result of k6, wrk, autocannon or Locust can be true')
    .argument(
      '<file>',
      'summary of k6 (--summary-export or handleSummary), output of wrk, JSON of autocannon, or _stats.csv of Locust',
    )
    .option('--users <n>', 'users or connections of the test', positive)
    .option('--requests-per-user <n>', 'requests that one user has in flight at most (http.batch)', positive)
    .option('--duration <time>', 'length of the test, such as 60s', seconds)
    .option('--think-time <time>', 'mean pause of a user between two requests, such as 500ms', milliseconds)
    .option('--rate <n>', 'requests/s that were due; for k6, iterations/s', positive)
    .option('--generator-cpu <cores>', 'cores that the generator kept busy, such as 0.95', positive)
    .option('--cores <n>', 'cores that the generator could use', positive)
    .option('--history <file>', "Locust's _stats_history.csv (default: the one beside the file)")
    .addHelpText('after', '\nExit code: 0 it can be true, 1 impossible or misleading, 2 wrong usage.')
    .action((file: string, flags: AuditFlags) => {
      const stated = readStated(file, flags.history)
      const findings = auditResult(stated, {
        users: flags.users ?? null,
        requestsPerUser: flags.requestsPerUser ?? null,
        durationS: flags.duration ?? null,
        thinkTimeMs: flags.thinkTime ?? null,
        ratePerS: flags.rate ?? null,
        generatorCores: flags.generatorCpu ?? null,
        cores: flags.cores ?? null,
      })
      console.log(auditText(stated, findings))
      setExitCode(findings.some(isDoubt) ? exitCodes.assertionFailed : exitCodes.done)
    })
}

/** Reads the text of a result in whichever format it is; null where it is in none. */
export function statedIn(text: string, locustHistory: string | null): StatedResult | null {
  return (
    readK6Summary(text) ??
    readAutocannonResult(text) ??
    readWrkOutput(text) ??
    readLocustStats(text, locustHistory)
  )
}

function readStated(file: string, history: string | undefined): StatedResult {
  const beside = file.replace(/_stats\.csv$/, '_stats_history.csv')
  const historyFile = history ?? (beside !== file && existsSync(beside) ? beside : undefined)
  const stated = statedIn(readText(file), historyFile === undefined ? null : readText(historyFile))
  if (stated !== null) return stated
  throw new LabError(
    'LAB_RESULTS_UNREADABLE',
    `${file} is no result of k6, wrk, autocannon or Locust that can be read`,
    "Give k6's summary as JSON, all that wrk prints, what autocannon --json prints, or Locust's _stats.csv.",
  )
}

function readText(file: string): string {
  try {
    return readFileSync(file, 'utf8').replaceAll('\r\n', '\n')
  } catch (cause) {
    throw new LabError('LAB_RESULTS_UNREADABLE', `${file} cannot be read`, 'Check the path.', { cause })
  }
}

function auditText(stated: StatedResult, findings: readonly Finding[]): string {
  const order = ['impossible', 'misleading', 'note', 'agrees']
  const lines = findings.toSorted((a, b) => order.indexOf(a.weight) - order.indexOf(b.weight))
  return [
    headline(stated),
    '',
    ...lines.map(({ weight, sentence }) => `${weight.padEnd(10)}  ${sentence}`),
    '',
    conclusion(findings),
  ].join('\n')
}

function headline({ generator, requests, durationS, ratePerS, users, latencyMs }: StatedResult): string {
  return [
    `${generator}: ${number(requests)} requests${durationS === null ? '' : ` in ${number(durationS)} s`}`,
    `${number(ratePerS)} requests/s`,
    ...(latencyMs.mean === null ? [] : [`mean latency ${number(latencyMs.mean)} ms`]),
    ...(users === null ? [] : [`at most ${number(users)} users`]),
  ].join(', ')
}

function conclusion(findings: readonly Finding[]): string {
  if (findings.some(({ weight }) => weight === 'impossible')) return 'This result cannot be true.'
  if (findings.some(isDoubt)) return 'This result is misleading.'
  return 'This result can be true.'
}

function isDoubt({ weight }: Finding): boolean {
  return weight === 'impossible' || weight === 'misleading'
}

/** Without a unit they are seconds, as in the other commands. */
function seconds(text: string): number {
  return milliseconds(/^[\d.]+$/.test(text) ? `${text}s` : text) / 1000
}

const unitsMs: Readonly<Record<string, number>> = { ms: 1, s: 1000, m: 60_000 }

function milliseconds(text: string): number {
  const [, amount, unit = ''] = /^(\d+(?:\.\d+)?)(ms|s|m)$/.exec(text) ?? []
  const value = Number(amount) * (unitsMs[unit] ?? Number.NaN)
  if (value >= 0) return value
  throw new InvalidArgumentError('Give a time with its unit, such as 500ms, 60s or 2m.')
}
