import type { Demand } from '../demand.ts'
import { number, percent, sharers, shareSpread } from '../wording.ts'
import { type Case, demandOf, inUse, resources, uses } from './case.ts'
import type { SuspectedLimit } from './suspected-limit.ts'

/** The cores that the service, PostgreSQL and the generator share are full. None of them has to be full alone. */
export function hostCpu(one: Case): SuspectedLimit | null {
  const host = demandOf(one, 'host')
  if (host === null || !one.fillsTheHost) return null
  const shares = (['api', 'database', 'generator'] as const)
    .map(resource => demandOf(one, resource))
    .filter(demand => demand !== null)
    .sort((a, b) => b.demandUs.median - a.demandUs.median)
  const { pressure } = one.sample
  return {
    limit: 'host-cpu',
    ...(shares.length < 3 && !explains(shares, host)
      ? filledByUnknown(one, host, shares)
      : filledByShares(one, host, shares)),
    evidence: [
      uses(host),
      one.queuedForCore,
      ...shares.filter(inUse).map(share => uses(share)),
      pressure?.cpu != null && `some process waits for a core ${shareSpread(pressure.cpu)} of the time`,
    ].filter(line => line !== false),
  }
}

type Wording = Pick<SuspectedLimit, 'confidence' | 'sentence' | 'next'>

function filledByShares(one: Case, host: Demand, shares: readonly Demand[]): Wording {
  const isPostgresRead = one.sample.utilisation.database !== null
  const [largest] = shares
  const most =
    largest !== undefined && explains([largest], host)
      ? `, most of it for ${resources[largest.resource].name}`
      : ''
  return {
    confidence: shares.length === 3 ? 'high' : 'medium',
    sentence: `The machine is short of cores: ${sharers(isPostgresRead)} share ${number(host.cores)} cores, which are busy ${busy(host)} of the time${most}. The service answered ${one.rate}, and could answer more on cores of its own.`,
    next: isPostgresRead
      ? 'Run the generator, and then PostgreSQL, on another machine; or reduce the CPU that each of them needs for a request.'
      : 'Run the load generator on another machine, or reduce the CPU that the service needs for a request.',
  }
}

/** The CPU of at least one of the three is unknown, and the known ones use less than half of what the host uses. */
function filledByUnknown(one: Case, host: Demand, shares: readonly Demand[]): Wording {
  return {
    confidence: 'low',
    sentence: `The machine is short of cores: its ${number(host.cores)} cores are busy ${busy(host)} of the time, but the processes whose CPU is known use only ${percent(coresOf(shares) / coresOf([host]))} of that. The rest is used by other programs, or by a database or service whose CPU is unknown. The service answered ${one.rate}.`,
    next: `Stop other programs and repeat the run.${howToReadMore(one)}`,
  }
}

/** Where the user can get the CPU that is missing. Options of `attach` and of `run --url` differ. */
function howToReadMore({ sample: { utilisation } }: Case): string {
  return [
    utilisation.database === null &&
      ' If the service uses PostgreSQL, name the server with --database (of "run": --database-url).',
    utilisation.api === null &&
      ' "attach" reads the CPU of the service, if necessary with --pid; "run --url" does not.',
  ]
    .filter(sentence => sentence !== false)
    .join('')
}

function busy({ utilisation }: Demand): string {
  return percent(Math.min(1, utilisation.median))
}

/** Whether they use at least half of the CPU that the host uses. */
function explains(shares: readonly Demand[], host: Demand): boolean {
  return coresOf(shares) >= coresOf([host]) / 2
}

function coresOf(demands: readonly Demand[]): number {
  return demands.reduce((sum, { utilisation, cores }) => sum + utilisation.median * cores, 0)
}
