import { percent, shareSpread } from '../wording.ts'
import { type Case, hostCrowded, othersTolerated, resources } from './case.ts'
import type { SuspectedLimit } from './suspected-limit.ts'

const stealTolerated = 0.05
const throttlingTolerated = 0.05

/** The hypervisor gave the CPU to other virtual machines. */
export function stolen(one: Case): SuspectedLimit | null {
  const { stealRatio } = one.circumstances
  if (stealRatio === null || stealRatio <= stealTolerated) return null
  return {
    limit: 'environment',
    confidence: 'medium',
    sentence: `The machine itself is the limit: other virtual machines took ${percent(stealRatio)} of its CPU. Only this is certain: the service can answer at least ${one.rate}.`,
    evidence: [`steal ${percent(stealRatio)} of CPU time, above ${percent(stealTolerated)}`],
    next: 'Repeat the run on a machine, or at a time, without steal.',
  }
}

/** A CPU quota was used up: cores are free, but the container may not use them. */
export function throttled(one: Case): SuspectedLimit | null {
  const { throttled: shares } = one.sample
  const held = (['api', 'database', 'generator'] as const).flatMap(process => {
    const share = shares?.[process] ?? null
    return share !== null && share.median > throttlingTolerated
      ? [{ name: resources[process].name, share }]
      : []
  })
  const [first] = held
  if (first === undefined) return null
  return {
    limit: 'environment',
    confidence: 'high',
    sentence: `A CPU quota is the limit: the container of ${held.map(({ name }) => name).join(' and ')} was stopped ${percent(first.share.median)} of the time. The rate of ${one.rate} is what the quota allows.`,
    evidence: held.map(({ name, share }) => `${name} was throttled ${shareSpread(share)} of the time`),
    next: 'Raise the CPU limit of the container (cpus, resources.limits.cpu), or read the figures as what that limit allows.',
  }
}

/** Other programs use CPU that the API, PostgreSQL and the generator need. */
export function crowded(one: Case): SuspectedLimit | null {
  const { othersShare: others } = one
  if (others === null || !one.othersCrowd) return null
  return {
    limit: 'environment',
    confidence: 'high',
    sentence: `Other programs used ${percent(others)} of the machine. Only this is certain: the service can answer at least ${one.rate}.`,
    evidence: [
      `other programs use ${percent(others)} of ${one.circumstances.cores} cores, which are ${percent(one.hostBusy)} busy`,
      one.queuedForCore,
    ].filter(line => line !== false),
    next: 'Stop the other programs and repeat the run.',
  }
}

/**
 * Programs whose CPU was not read, where they took a large share of a machine that had hardly a core to spare, in a
 * sentence; null where they did not. A database whose CPU was not read is one of them, if the service has one here.
 */
export function describeCrowd({ sample, circumstances: { cores }, hostBusy }: Case): string | null {
  const { host, api, database, generator } = sample.utilisation
  if (host === null || api === null) return null
  const unread = (host.median - api.median - (database?.median ?? 0) - (generator?.median ?? 0)) / cores
  if (hostBusy < hostCrowded || unread < othersTolerated) return null
  const who = database === null ? 'Other programs, or a database whose CPU was not read,' : 'Other programs'
  return `${who} used ${percent(unread)} of the machine, which was ${percent(hostBusy)} busy.`
}
