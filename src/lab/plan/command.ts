import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname, join, relative, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { type Command, InvalidArgumentError } from 'commander'
import { positive } from '../arguments.ts'
import { LabError } from '../errors.ts'
import { readResults } from '../run/results-folder.ts'
import { overlayOf } from './overlay.ts'
import { type Plan, planFor } from './plan.ts'
import { renderPlan } from './render.ts'

interface PlanFlags {
  rate: number
  rows: number
  p99: number
  from: string
  utilisation: number
  databaseCores: number
  walMbPerS: number
  textBytes: number
  json?: true
  write?: string
}

/** `lab plan`: what a rate needs, worked out from a result. */
export function addPlanCommand(lab: Command): void {
  lab
    .command('plan')
    .description('work out workers, cores, connections, disk and load generators for a rate, from a result')
    .requiredOption('--rate <n>', 'requests/s', positive)
    .option('--rows <n>', 'rows a request', positive, 1)
    .option('--p99 <time>', 'objective: 99 % are answered within it', milliseconds, 50)
    .option('--from <result>', 'a folder under results/, or its results.json', 'results/latest')
    .option('--utilisation <share>', 'how busy a thread or core may be', share, 0.7)
    .option('--database-cores <n>', 'cores of the largest PostgreSQL server', positive, 32)
    .option('--wal-mb-per-s <n>', 'WAL that one server can write', positive, 200)
    .option('--text-bytes <n>', 'length of a text', positive, 24)
    .option('--json', 'print the plan as JSON')
    .option('--write <dir>', 'write it as a kustomize overlay, for example deploy/k8s/overlays/mine')
    .action((flags: PlanFlags) => {
      if (flags.write !== undefined) requireOwn(flags.write)
      const plan = planned(flags)
      console.log(flags.json ? JSON.stringify(plan, null, 2) : renderPlan(plan))
      if (flags.write !== undefined) {
        writeOverlay(plan, flags.write)
        // Not into the JSON that standard output is piped to.
        console.error(`\nkubectl apply --server-side -k ${flags.write}`)
      }
    })
}

/** @throws {LabError} where a measurement is missing, or the objective is not to be had. */
function planned(flags: PlanFlags): Plan {
  const { file, results } = readResults(flags.from)
  const { utilisation, databaseCores, walMbPerS: walMBPerS, textBytes } = flags
  const plan = planFor(
    results,
    { ratePerS: flags.rate, rowsPerRequest: flags.rows, p99Ms: flags.p99 },
    { utilisation, databaseCores, walMBPerS, textBytes },
  )
  if ('figures' in plan) return plan
  if ('missing' in plan) {
    throw new LabError(
      'LAB_PLAN',
      `${file} does not hold what a plan needs: ${plan.missing}`,
      'Run `npm run lab -- run capacity`, then plan from results/latest.',
    )
  }
  throw new LabError(
    'LAB_PLAN',
    `no plan is possible: ${plan.impossible}`,
    'Allow a longer --p99, or make the commit shorter (a faster disk, no replica to wait for).',
  )
}

const k8s = fileURLToPath(new URL('../../../deploy/k8s', import.meta.url))
const firstLine = '# Written by `npm run lab -- plan`'

/** @throws {LabError} where the folder holds an overlay that no plan wrote. */
function requireOwn(folder: string): void {
  const existing = join(folder, 'kustomization.yaml')
  if (!existsSync(existing) || readFileSync(existing, 'utf8').startsWith(firstLine)) return
  throw new LabError('LAB_PLAN', `${existing} was not written by a plan`, 'Give --write another folder.')
}

function writeOverlay(plan: Plan, folder: string): void {
  const from = (base: string, ...path: string[]) => relative(resolve(base), join(k8s, ...path))
  const files = overlayOf(plan, {
    operators: from(folder, 'overlays/operators'),
    load: from(join(folder, 'load'), 'load'),
  })
  for (const [name, text] of files) {
    const file = join(folder, name)
    mkdirSync(dirname(file), { recursive: true })
    writeFileSync(file, text)
  }
}

function share(text: string): number {
  const value = Number(text)
  if (value > 0 && value < 1) return value
  throw new InvalidArgumentError('Give a share between 0 and 1, for example 0.7.')
}

function milliseconds(text: string): number {
  const [, amount, unit] = /^(\d+(?:\.\d+)?)(ms|s)?$/.exec(text) ?? []
  const value = Number(amount) * (unit === 's' ? 1000 : 1)
  if (value > 0) return value
  throw new InvalidArgumentError('Give a time such as 50ms or 1s.')
}
