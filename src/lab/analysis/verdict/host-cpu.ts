import { number, percent, shareSpread } from '../wording.ts'
import { type Case, demandOf, fillsTheHost, inUse, names, queuedForCore, rate, uses } from './case.ts'
import type { Judgement } from './judgement.ts'

/** The cores that API, PostgreSQL and generator share are full, and none of them alone need be. */
export function hostCpu(one: Case): Judgement | null {
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
    sentence: `The machine is short of cores: API, PostgreSQL and load generator share its ${number(cores)}, which are busy ${percent(Math.min(1, host.utilisation.median))} of the time${most}; on cores of its own the service could do more than the ${rate(one)} it answered.`,
    evidence: [
      uses(host, names.host),
      ...queuedForCore(one),
      ...shares.filter(inUse).map(share => uses(share, names[share.resource])),
      ...(pressure?.cpu
        ? [`some process stands in line for a core ${shareSpread(pressure.cpu)} of the time`]
        : []),
    ],
    next: 'Run the generator, and then PostgreSQL, on another machine; or lower what each of them spends on a request.',
  }
}
