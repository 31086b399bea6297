import { spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { arch, cpus, platform, release, totalmem } from 'node:os'
import { fileURLToPath } from 'node:url'
import { type Circumstances, speedLoss } from '../analysis/diagnosis/case.ts'
import { capitalised, number, percent, sharers } from '../analysis/wording.ts'
import { readQuotaCores } from '../probes/cgroup.ts'
import type { Figure, Manifest } from '../results.ts'

export interface RunFacts extends Circumstances {
  readonly commit: string | null
  readonly postgres: string | null
  readonly generators: readonly string[]
  /** Share of the host that was busy before anything was started, 0 … 1. */
  readonly busyBefore: number | null
  /** CPU of the fixed piece of work between the loads, us. */
  readonly fixedWorkUs: Figure | null
  /** PostgreSQL's CPU was read. */
  readonly isPostgresRead: boolean
  /** Of the caller, before those of the machine. */
  readonly warnings: readonly string[]
}

/** The circumstances of the figures, and warnings that follow from them. */
export function describeRun(facts: RunFacts): Manifest {
  const { cores, sharedCores, stealRatio } = facts
  const cpuModel = cpus()[0]?.model.trim() ?? 'unknown'
  const cgroupQuotaCores = readQuotaCores()
  return {
    insertlab: version(),
    commit: facts.commit,
    node: process.version,
    postgres: facts.postgres ?? 'not started by the lab',
    generator: facts.generators.join(', '),
    platform: `${platform()} ${arch()}`,
    kernel: release(),
    cpuModel,
    cores,
    memoryGiB: Math.round((totalmem() / 2 ** 30) * 10) / 10,
    sharedCores,
    cgroupQuotaCores,
    stealRatio,
    fixedWorkUs: facts.fixedWorkUs,
    warnings: [...facts.warnings, ...warnings({ ...facts, cpuModel, cgroupQuotaCores })],
  }
}

const stealWorthSaying = 0.01
const busyWorthSaying = 0.1

function warnings({
  cores,
  cpuModel,
  cgroupQuotaCores,
  stealRatio,
  busyBefore,
  speedSpread,
  sharedCores,
  isPostgresRead,
}: RunFacts & Pick<Manifest, 'cpuModel' | 'cgroupQuotaCores'>): string[] {
  const slowed = speedLoss({ speedSpread })
  return [
    sharedCores &&
      `${capitalised(sharers(isPostgresRead))} share ${cores} cores: every throughput is a lower bound.`,
    busyBefore !== null &&
      busyBefore > busyWorthSaying &&
      `The machine was ${percent(busyBefore)} busy with other work before the run began.`,
    stealRatio !== null &&
      stealRatio > stealWorthSaying &&
      `The hypervisor took ${percent(stealRatio)} of the CPU time during the run.`,
    slowed !== null &&
      `The machine's speed changed: the same work took ${number(slowed)} times the CPU at slow times of the run, and CPU per request changed with it.`,
    cgroupQuotaCores !== null &&
      cgroupQuotaCores < cores &&
      `The container may use ${cgroupQuotaCores} of the ${cores} cores.`,
    /virtualapple/i.test(cpuModel) && 'The CPU is emulated (Rosetta): CPU per request reads too high.',
  ].filter(warning => warning !== false)
}

const checkout = fileURLToPath(new URL('../../..', import.meta.url))

function version(): string {
  const { version } = JSON.parse(readFileSync(`${checkout}/package.json`, 'utf8')) as { version: string }
  return version
}

/** The commit of this checkout, `-dirty` where files differ from it; null outside a checkout. */
export function readCommit(): string | null {
  const git = (...args: string[]) => spawnSync('git', args, { cwd: checkout, encoding: 'utf8' })
  const head = git('rev-parse', '--short=12', 'HEAD')
  if (head.status !== 0) return null
  const changed = git('status', '--porcelain', '--untracked-files=no').stdout.trim() !== ''
  return head.stdout.trim() + (changed ? '-dirty' : '')
}
