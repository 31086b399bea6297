import { percent, shareSpread } from '../wording.ts'
import { type Case, othersCrowd, othersShare, queuedForCore, rate } from './case.ts'
import type { Judgement } from './judgement.ts'

const stealTolerated = 0.05
const throttlingTolerated = 0.05

/** The hypervisor gave the CPU to others. */
export function stolen(one: Case): Judgement | null {
  const { stealRatio } = one.circumstances
  if (stealRatio === null || stealRatio <= stealTolerated) return null
  return {
    limit: 'environment',
    confidence: 'medium',
    sentence: `The machine itself is the limit: other tenants took ${percent(stealRatio)} of its CPU, so nothing here can be trusted beyond "at least ${rate(one)}".`,
    evidence: [`steal ${percent(stealRatio)} of CPU time, above ${percent(stealTolerated)}`],
    next: 'Repeat the run on a machine, or at a time, without steal.',
  }
}

const whose = { api: 'the API', database: 'PostgreSQL', generator: 'the load generator' } as const

/** A quota on CPU was used up: cores are free, and this container may not have them. */
export function throttled(one: Case): Judgement | null {
  const { throttled: shares } = one.sample
  const held = (['api', 'database', 'generator'] as const).flatMap(process => {
    const share = shares?.[process] ?? null
    return share !== null && share.median > throttlingTolerated ? [{ name: whose[process], share }] : []
  })
  const [first] = held
  if (first === undefined) return null
  return {
    limit: 'environment',
    confidence: 'high',
    sentence: `A CPU quota is the limit: the container of ${held.map(({ name }) => name).join(' and ')} was kept from running ${percent(first.share.median)} of the time, so this says what the quota allows: ${rate(one)}.`,
    evidence: held.map(({ name, share }) => `${name} was throttled ${shareSpread(share)} of the time`),
    next: 'Raise the CPU limit of the container (cpus, resources.limits.cpu), or take the figures for what that limit allows.',
  }
}

/** Someone else's programs: host CPU that neither API, PostgreSQL nor generator used, where it is missed. */
export function crowded(one: Case): Judgement | null {
  const others = othersShare(one)
  if (others === null || !othersCrowd(one)) return null
  const { sample, circumstances } = one
  const busy = (sample.utilisation.host?.median ?? 0) / circumstances.cores
  return {
    limit: 'environment',
    confidence: 'high',
    sentence: `The machine was busy with other programs, which took ${percent(others)} of it, so nothing here can be trusted beyond "at least ${rate(one)}".`,
    evidence: [
      `other programs use ${percent(others)} of ${circumstances.cores} cores, which are ${percent(busy)} busy`,
      ...queuedForCore(one),
    ],
    next: 'Stop the other programs and repeat the run.',
  }
}
