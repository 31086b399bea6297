import type { Demand } from '../demand.ts'
import { number, percent, shareSpread } from '../wording.ts'
import { type Case, demandOf, fillsTheHost, inUse, names, queuedForCore, rate, uses } from './case.ts'
import type { Judgement } from './judgement.ts'

/** The cores that API, PostgreSQL and generator share are full, and none of them alone need be. */
export function hostCpu(one: Case): Judgement | null {
  const host = demandOf(one, 'host')
  if (host === null || !fillsTheHost(one)) return null
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
      uses(host, names.host),
      ...queuedForCore(one),
      ...shares.filter(inUse).map(share => uses(share, names[share.resource])),
      ...(pressure?.cpu
        ? [`some process stands in line for a core ${shareSpread(pressure.cpu)} of the time`]
        : []),
    ],
  }
}

type Wording = Pick<Judgement, 'confidence' | 'sentence' | 'next'>

function filledByShares(one: Case, host: Demand, shares: readonly Demand[]): Wording {
  const [largest] = shares
  const most =
    largest !== undefined && explains([largest], host) ? `, most of it for ${names[largest.resource]}` : ''
  return {
    confidence: shares.length === 3 ? 'high' : 'medium',
    sentence: `The machine is short of cores: API, PostgreSQL and load generator share its ${number(host.cores)}, which are busy ${busy(host)} of the time${most}; on cores of its own the service could do more than the ${rate(one)} it answered.`,
    next: 'Run the generator, and then PostgreSQL, on another machine; or lower what each of them spends on a request.',
  }
}

/** The CPU of one of the three is unknown, and the others use so little that nobody known is to blame. */
function filledByUnknown(one: Case, host: Demand, shares: readonly Demand[]): Wording {
  return {
    confidence: 'low',
    sentence: `The machine is short of cores: its ${number(host.cores)} are busy ${busy(host)} of the time, and only ${percent(coresOf(shares) / coresOf([host]))} of that is by what could be read; other programs take the rest, or PostgreSQL or the service, whichever is unknown. The service answered ${rate(one)}.`,
    next: 'Stop other programs and repeat the run; name the database and the process of the service where their CPU is unknown (--database, --pid).',
  }
}

function busy({ utilisation }: Demand): string {
  return percent(Math.min(1, utilisation.median))
}

/** Whether they use at least half of what is used. */
function explains(shares: readonly Demand[], host: Demand): boolean {
  return coresOf(shares) >= coresOf([host]) / 2
}

function coresOf(demands: readonly Demand[]): number {
  return demands.reduce((sum, { utilisation, cores }) => sum + utilisation.median * cores, 0)
}
