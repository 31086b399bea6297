import { number, percent } from '../wording.ts'
import { type Case, demandOf, full, inUse, keptUp, resources, uses } from './case.ts'
import { describeLocations, locationsOf } from './locations.ts'
import type { SuspectedLimit } from './suspected-limit.ts'

/**
 * Nothing is full. With one client that waits for each answer that is expected. With many clients it is not, unless
 * something is nearly full.
 */
export function unexplained(one: Case): SuspectedLimit {
  return unread(one) ?? unlimited(one) ?? nearest(one) ?? inconclusive(one)
}

function unread(one: Case): SuspectedLimit | null {
  if (demandOf(one, 'api') !== null || one.thread !== null) return null
  return {
    limit: 'inconclusive',
    confidence: 'low',
    sentence: `No limit can be named: the CPU of the service could not be read${fullGenerator(one)}. It answered ${one.rate}.`,
    evidence: whatIsKnown(one),
    next: 'Run the lab on the machine of the service: "attach" reads the CPU of any service that runs there.',
  }
}

function fullGenerator(one: Case): string {
  const generator = demandOf(one, 'generator')
  if (generator === null || generator.utilisation.median < full) return ''
  return ', and the load generator could send little more, so either may be the limit'
}

function unlimited(one: Case): SuspectedLimit | null {
  const { load, latencyMs } = one.sample
  const underOffer = load.mode !== 'closed'
  if (underOffer ? !keptUp(one) : load.connections !== 1) return null
  return {
    limit: 'none-observed',
    confidence: 'medium',
    sentence: underOffer
      ? `No limit was reached: the service kept up with ${one.rate}.`
      : `No limit was reached: one client waits for each answer, so latency (${number((latencyMs.mean ?? latencyMs.p50).median)} ms on average) sets the rate of ${one.rate}.`,
    evidence: whatIsKnown(one),
    next: 'Raise the load to find the limit.',
  }
}

/** From this utilisation most of the latency is waiting, although the resource is idle at times. */
const nearlyFull = 0.7

/** Utilisations that differ by less changed their order between two runs of the same tour. */
const asFull = 0.04

/**
 * The host counts only where it is known that no other program fills it. Where it is as full as the fullest resource,
 * the host is named, because chance would decide between the two.
 */
function nearest(one: Case): SuspectedLimit | null {
  const hostIsOurs = one.othersShare !== null && !one.othersAreBusy
  const [fullest] = one.demands
    .filter(({ resource }) => resource !== 'host' || hostIsOurs)
    .toSorted((a, b) => b.utilisation.median - a.utilisation.median)
  const host = hostIsOurs ? demandOf(one, 'host') : null
  const isTie = host && fullest && host.utilisation.median > fullest.utilisation.median - asFull
  const demand = isTie ? host : fullest
  if (demand === undefined || demand.utilisation.median < nearlyFull) return null
  return {
    limit: resources[demand.resource].limit,
    confidence: 'low',
    sentence: `No resource is full. The fullest is ${resources[demand.resource].name}, with ${percent(demand.utilisation.median)} of its CPU in use. The service answered ${one.rateAtLeast}.`,
    evidence: whatIsKnown(one),
    next: 'Raise the number of connections until a resource is full.',
  }
}

function inconclusive(one: Case): SuspectedLimit {
  const { load } = one.sample
  const sources = sourcesOf(one)
  const clients =
    load.mode === 'closed'
      ? `${load.connections ?? 'the'} clients wait`
      : `the service fell behind the ${number(load.ratePerS ?? 0)} requests/s it was offered`
  return {
    limit: 'inconclusive',
    confidence: 'low',
    sentence: `No CPU is full, but ${clients}: something other than CPU limits the rate to ${one.rate}.`,
    evidence: [...whatIsKnown(one), ...missingReadings(one).map(what => `not known: ${what}`)],
    next:
      sources.length === 0
        ? 'Look at the waits: connections of the pool in use, and what PostgreSQL sessions wait for. None of them alone explains the rate.'
        : `Provide the missing readings: ${sources.join('; ')}.`,
  }
}

/** Where the user can get what is missing. The service of this repository has metrics; other services have none. */
function sourcesOf({ sample }: Case): string[] {
  return [
    sample.postgres === undefined &&
      '--database (of "run": --database-url) shows what the sessions of PostgreSQL wait for',
    (sample.pool === undefined || locationsOf(sample) === null) &&
      'TELEMETRY=full, in the service of this repository, shows where requests wait and how much of the pool is in use',
  ].filter(source => source !== false)
}

function whatIsKnown(one: Case): string[] {
  const locations = locationsOf(one.sample)
  return [
    ...one.demands.filter(inUse).map(demand => uses(demand)),
    locations !== null && describeLocations(locations),
  ].filter(line => line !== false)
}

function missingReadings({ sample }: Case): string[] {
  const { utilisation } = sample
  return [
    utilisation.apiThread === null && 'how busy the API’s thread is',
    utilisation.database === null && 'PostgreSQL’s CPU',
    utilisation.generator === null && 'the load generator’s CPU',
    utilisation.host === null && 'how busy the host is',
    locationsOf(sample) === null && 'where in the service requests wait (its metrics do not say)',
    sample.pool === undefined && 'the pool of connections',
    sample.postgres === undefined && 'what PostgreSQL’s sessions wait for',
  ].filter(what => what !== false)
}
