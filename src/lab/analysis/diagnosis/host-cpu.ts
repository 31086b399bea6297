import { number, percent, shareSpread } from '../wording.ts'
import { type Case, demandOf, fillsTheHost, inUse, names, queuedForCore, rate, uses } from './case.ts'
import type { SuspectedLimit } from './suspected-limit.ts'

/** The cores that the API, PostgreSQL and the generator share are full. None of the three has to be full alone. */
export function hostCpu(one: Case): SuspectedLimit | null {
  const host = demandOf(one, 'host')
  if (host === null || !fillsTheHost(one)) return null
  const { cores } = one.circumstances
  const { pressure } = one.sample
  const shares = (['api', 'database', 'generator'] as const)
    .map(resource => demandOf(one, resource))
    .filter(demand => demand !== null)
    .sort((a, b) => b.demandUs.median - a.demandUs.median)
  const [largest] = shares
  const most = largest === undefined ? '' : `, most of it for ${names[largest.resource]}`
  return {
    limit: 'host-cpu',
    confidence: shares.length === 3 ? 'high' : 'medium',
    sentence: `The machine is short of cores: the API, PostgreSQL and the load generator share ${number(cores)} cores, which are busy ${percent(Math.min(1, host.utilisation.median))} of the time${most}. The service answered ${rate(one)}, and could answer more on cores of its own.`,
    evidence: [
      uses(host, names.host),
      ...queuedForCore(one),
      ...shares.filter(inUse).map(share => uses(share, names[share.resource])),
      ...(pressure?.cpu ? [`some process waits for a core ${shareSpread(pressure.cpu)} of the time`] : []),
    ],
    next: 'Run the generator, and then PostgreSQL, on another machine; or reduce the CPU that each of them needs for a request.',
  }
}
