import { requestsInFlight } from '../analysis/little.ts'
import { number, percent } from '../analysis/wording.ts'
import type { Percentile, StatedResult } from './stated-result.ts'

/** What is known of the test from elsewhere. null: not known. */
export interface TestFacts {
  readonly users: number | null
  /** Requests that one user may have in flight at once. */
  readonly requestsPerUser: number | null
  readonly durationS: number | null
  /** How long a user rests between an answer and the next request, on average. */
  readonly thinkTimeMs: number | null
  /** Requests a second that were to be sent, whatever the answers did; for k6, iterations. */
  readonly ratePerS: number | null
  /** Cores that the generator kept busy, and cores that it could use. */
  readonly generatorCores: number | null
  readonly cores: number | null
}

export interface Finding {
  /**
   * impossible: two figures contradict each other. misleading: the figures may be true, and say something else than
   * they seem to. note: something could not be checked. agrees: a check that the result passes.
   */
  readonly weight: 'impossible' | 'misleading' | 'note' | 'agrees'
  readonly sentence: string
}

const finding = (weight: Finding['weight']) => (sentence: string) => ({ weight, sentence })
const impossible = finding('impossible')
const misleading = finding('misleading')
const note = finding('note')
const agreeing = finding('agrees')

type Check = (stated: StatedResult, facts: TestFacts) => Finding | null

/** Compares the figures of a result with each other and with what else is known of the test. Pure. */
export function auditResult(stated: StatedResult, facts: TestFacts): Finding[] {
  const checks: readonly Check[] = [
    littlesLaw,
    iterationsInFlight,
    usersAsStated,
    percentileOrder,
    meanBetweenPercentiles,
    deviationWithinRange,
    rateAndCount,
    durationAsStated,
    longestRequest,
    failedRequests,
    unansweredRequests,
    failedChecks,
    droppedIterations,
    rateReached,
    generatorCpu,
    generatorPrice,
  ]
  return checks.map(check => check(stated, facts)).filter(finding => finding !== null)
}

/** Clocks, rounding, and requests cut off at the ends of the test. */
const tolerance = 0.05
/** Share of their time that users may spend in the generator without a request in flight. */
const idleTolerated = 0.25
/** Above this share, what failed or was dropped changes what the other figures mean. */
const failuresTolerated = 0.01

/** Little's law: requests in flight = rate * mean latency, and no user has more than their share of them. */
const littlesLaw: Check = (stated, facts) => {
  const { ratePerS, latencyMs, generator } = stated
  const { mean, addsUnsent } = latencyMs
  const users = usersOf(stated, facts)
  if (mean === null) return note("The file states no mean latency, so Little's law cannot be checked.")
  if (addsUnsent === 'yes') {
    return note(
      `The file holds latencies of requests that ${generator} did not send because earlier answers were late, so its mean is not that of the requests, and Little's law cannot be checked.`,
    )
  }
  if (users === null) {
    return note("The file does not state the number of users. State it with --users to check Little's law.")
  }
  const most = users * (facts.requestsPerUser ?? stated.requestsPerUser)
  const [low, high] = [-1, 1].map(side => requestsInFlight(ratePerS, mean + side * roundingOf(stated, mean)))
  const product = `${number(ratePerS)} requests/s × ${timeOf(mean)} mean latency = ${number(requestsInFlight(ratePerS, mean))} requests in flight`
  if ((low ?? 0) > mostInFlight(stated, most) * (1 + tolerance)) {
    const batch = generator === 'k6' ? ' Only http.batch sends more: state --requests-per-user.' : ''
    return impossible(
      `Little's law: ${product}, but ${number(users)} users can have at most ${number(most)}. The rate, the latency or the number of users is wrong.${batch}`,
    )
  }
  if ((low ?? 0) > most * (1 + tolerance)) {
    return note(
      `Little's law: ${product}, more than the ${number(most)} connections. wrk adds latencies of requests that it did not send because earlier answers were late; its maximum allows for that. Its mean and percentiles are not those of the requests that were sent.`,
    )
  }
  return usersInUse(stated, facts, { mean, most, high: high ?? 0, product })
}

interface InFlight {
  readonly mean: number
  readonly most: number
  /** Requests in flight if the mean was rounded down. */
  readonly high: number
  readonly product: string
}

/** The other side of Little's law: users that are neither waiting for an answer nor resting. */
function usersInUse(
  stated: StatedResult,
  facts: TestFacts,
  { mean, most, high, product }: InFlight,
): Finding {
  const { ratePerS, loop } = stated
  const { thinkTimeMs, ratePerS: dueRate } = facts
  const resting = requestsInFlight(ratePerS, thinkTimeMs ?? 0)
  const busy = high + resting
  const agrees = agreeing(`Little's law: ${product}, of at most ${number(most)}.`)
  if (thinkTimeMs !== null && resting > most * (1 + tolerance)) {
    return impossible(
      `Little's law: ${number(most)} users who rest ${timeOf(thinkTimeMs)} between requests send at most ${number((most / thinkTimeMs) * 1000)} requests/s, not ${number(ratePerS)}.`,
    )
  }
  // A rate of arrivals leaves users without work when answers are quick.
  if (dueRate !== null) return agrees
  if (thinkTimeMs === null && loop === 'unknown') {
    const restMs = (most / ratePerS) * 1000 - mean
    if (busy >= most * (1 - idleTolerated) || stated.iterations !== null) return agrees
    return note(
      `Little's law: ${product}. If all ${number(most)} users were active, each rested ${timeOf(restMs)} between an answer and the next request. State --think-time to check this.`,
    )
  }
  if (busy >= most * (1 - idleTolerated)) return agrees
  const restful = thinkTimeMs === null ? '' : `, and ${number(resting)} users resting`
  return misleading(
    `Little's law: ${product}${restful}, of ${number(most)}. The other users had nothing to do, so the service had fewer users than stated: the generator lacked CPU, or it held to a rate (state it with --rate), or requests without an answer are missing.`,
  )
}

/**
 * wrk 4 takes the mean interval E between the requests of a connection, and for each latency L of at least 2 E it
 * adds L - E, L - 2 E and so on. The mean is largest where all time is spent in requests as long as the longest.
 */
function mostInFlight({ ratePerS, latencyMs: { addsUnsent, max } }: StatedResult, most: number): number {
  if (addsUnsent !== 'wrk' || max === null) return most
  return Math.max(most, most / 2 + requestsInFlight(ratePerS, max) / 4)
}

/** Little's law for iterations of a k6 script: each virtual user runs one at a time. */
const iterationsInFlight: Check = (stated, facts) => {
  const users = usersOf(stated, facts)
  if (stated.iterations === null || users === null) return null
  const { ratePerS, meanMs } = stated.iterations
  const running = requestsInFlight(ratePerS, meanMs)
  const product = `${number(ratePerS)} iterations/s × ${timeOf(meanMs)} = ${number(running)} iterations at once`
  if (running > users * (1 + tolerance)) {
    return impossible(`Little's law: ${product}, but ${number(users)} virtual users run one each.`)
  }
  if (facts.ratePerS !== null || running >= users * (1 - idleTolerated)) {
    return agreeing(`Little's law: ${product}, of at most ${number(users)}.`)
  }
  const few = `Little's law: ${product}, of ${number(users)} virtual users`
  return facts.users === null
    ? note(`${few}. A ramp or a rate of arrivals explains that; without one, users are missing.`)
    : misleading(`${few}. The service had fewer users than stated.`)
}

const usersAsStated: Check = ({ users: inFile }, { users }) =>
  users !== null && inFile !== null && users > inFile * (1 + tolerance)
    ? misleading(`The test is said to have ${number(users)} users. The file states ${number(inFile)}.`)
    : null

/** Percentiles are rounded alike, so rounding keeps their order; minimum and maximum may not be rounded. */
const percentileOrder: Check = stated => {
  const { min, max, percentiles } = stated.latencyMs
  const point = (name: string, ms: number, slack = 0) => ({ name, ms, slack })
  const inOrder = [
    ...(min === null ? [] : [point('minimum', min, -2 * roundingOf(stated, min))]),
    ...percentiles.map(({ share, ms }) => point(nameOf(share), ms)),
    ...(max === null ? [] : [point('maximum', max, 2 * roundingOf(stated, max))]),
  ]
  for (const [index, lower] of inOrder.entries()) {
    const higher = inOrder.slice(0, index).find(({ ms, slack }) => ms + slack > lower.ms + lower.slack)
    if (higher === undefined) continue
    return impossible(
      `The latency's ${higher.name} (${timeOf(higher.ms)}) is above its ${lower.name} (${timeOf(lower.ms)}).`,
    )
  }
  return percentiles.length < 2
    ? note('The file states no percentiles, so the mean cannot be checked with them.')
    : agreeing('The percentiles are in order.')
}

/**
 * Between two percentiles the share of the requests is known, and each of these lies between the two values. So the
 * mean lies between the sum of the lower values and that of the upper ones.
 */
const meanBetweenPercentiles: Check = stated => {
  const { mean, min, max, percentiles } = stated.latencyMs
  if (mean === null || (percentiles.length === 0 && max === null)) return null
  const inner = percentiles.filter(({ share }) => share > 0 && share < 1)
  const end = max ?? percentiles.find(({ share }) => share === 1)?.ms ?? Number.POSITIVE_INFINITY
  const points: Percentile[] = [{ share: 0, ms: min ?? 0 }, ...inner, { share: 1, ms: end }]
  const sumOf = (value: (lower: Percentile, upper: Percentile) => number) =>
    points.slice(1).reduce((sum, upper, index) => {
      const lower = points[index] ?? upper
      return sum + (upper.share - lower.share) * value(lower, upper)
    }, 0)
  const least = sumOf(lower => lower.ms)
  const most = sumOf((_, upper) => upper.ms)
  // A percentile of few requests may be that of the request before or after.
  const oneRequest = end === Number.POSITIVE_INFINITY ? 0 : (end - (min ?? 0)) / Math.max(1, stated.requests)
  const slack = roundingOf(stated, mean) + oneRequest
  const range = `${timeOf(least)} to ${most === Number.POSITIVE_INFINITY ? 'no upper limit' : timeOf(most)}`
  const basis = inner.length === 0 ? 'The minimum and maximum' : 'The percentiles'
  if (mean < least - roundingOf(stated, least) - slack || mean > most + roundingOf(stated, most) + slack) {
    return impossible(`${basis} allow a mean latency of ${range}. The file states ${timeOf(mean)}.`)
  }
  return agreeing(`${basis} allow a mean latency of ${range}. It is ${timeOf(mean)}.`)
}

/** Bhatia and Davis: a variance is at most (maximum - mean) * (mean - minimum). */
const deviationWithinRange: Check = stated => {
  const { mean, min, max, deviation } = stated.latencyMs
  if (mean === null || max === null || deviation === null) return null
  const above = Math.max(0, max + roundingOf(stated, max) - mean + roundingOf(stated, mean))
  const below = Math.max(0, mean + roundingOf(stated, mean) - (min ?? 0) + roundingOf(stated, min ?? 0))
  const most = Math.sqrt(above * below)
  return deviation - roundingOf(stated, deviation) > most * (1 + tolerance)
    ? impossible(
        `A mean of ${timeOf(mean)} with a maximum of ${timeOf(max)} allows a standard deviation of at most ${timeOf(most)}. The file states ${timeOf(deviation)}.`,
      )
    : null
}

/** The first and the last second of a test are seldom whole ones. */
const edgesS = 2
const rateTolerance = 0.1

const rateAndCount: Check = ({ requests, ratePerS, durationS: inFile }, { durationS }) => {
  const lengthS = inFile ?? durationS
  if (lengthS === null || ratePerS <= 0) return null
  const impliedS = requests / ratePerS
  const product = `${number(requests)} requests at ${number(ratePerS)} requests/s take ${number(impliedS)} s`
  return Math.abs(impliedS - lengthS) > lengthS * rateTolerance + edgesS
    ? impossible(`${product}, but the test took ${number(lengthS)} s.`)
    : agreeing(`${product}; the test took ${number(lengthS)} s.`)
}

const durationAsStated: Check = ({ durationS: inFile }, { durationS }) =>
  inFile !== null && durationS !== null && inFile < durationS * (1 - 2 * rateTolerance)
    ? misleading(`The test is said to take ${number(durationS)} s. The file is of ${number(inFile)} s.`)
    : null

const longestRequest: Check = ({ latencyMs: { max }, durationS: inFile }, { durationS }) => {
  const lengthS = inFile ?? durationS
  return max !== null && lengthS !== null && max > (lengthS * (1 + tolerance) + 1) * 1000
    ? impossible(`The slowest request took ${timeOf(max)}, longer than the test of ${number(lengthS)} s.`)
    : null
}

const failedRequests: Check = ({ failed, requests, ratePerS }) => {
  if (failed <= 0) return null
  const share = failed / requests
  const failures = `${number(failed)} of ${number(requests)} requests failed (${shareOf(share)})`
  if (share > 1) return impossible(`${failures}.`)
  return share > failuresTolerated
    ? misleading(
        `${failures}, and the rate of ${number(ratePerS)} requests/s counts them: ${number(ratePerS * (1 - share))} requests/s succeeded. The latencies hold both kinds.`,
      )
    : note(`${failures}.`)
}

const unansweredRequests: Check = ({ unanswered, requests }) => {
  if (unanswered <= 0) return null
  const share = unanswered / (requests + unanswered)
  const failures = `${number(unanswered)} requests got no answer (${shareOf(share)})`
  return share > failuresTolerated
    ? misleading(`${failures}. They are in no latency figure, so users waited longer than the file says.`)
    : note(`${failures}. They are in no latency figure.`)
}

const failedChecks: Check = ({ failedChecks: share, ratePerS }) =>
  share !== null && share > failuresTolerated
    ? misleading(
        `${percent(share)} of the checks of the script failed. The rate of ${number(ratePerS)} requests/s counts answers that were not what the script expects.`,
      )
    : null

const droppedIterations: Check = ({ dropped, requests, iterations, durationS }) => {
  if (dropped <= 0) return null
  const sent = iterations !== null && durationS !== null ? iterations.ratePerS * durationS : requests
  const share = dropped / (dropped + sent)
  const drops = `${number(dropped)} of ${number(dropped + sent)} iterations that were due were dropped (${shareOf(share)})`
  return share > failuresTolerated
    ? misleading(
        `${drops}: the rate that was asked for was not reached. Users of the dropped iterations would have waited, and are in no latency figure (coordinated omission).`,
      )
    : note(`${drops}.`)
}

const rateTolerated = 0.03

/** Arrivals end before the last answers come, and the rate is over both. */
const rateReached: Check = (stated, { ratePerS: due }) => {
  const { ratePerS, iterations, durationS, latencyMs } = stated
  if (due === null) return null
  const unit = iterations === null ? 'requests/s' : 'iterations/s'
  const reached = iterations?.ratePerS ?? ratePerS
  const lastAnswer = durationS === null ? 0 : (latencyMs.max ?? 0) / 1000 / durationS
  if (reached < due * (1 - rateTolerated - lastAnswer)) {
    return misleading(
      `${number(due)} ${unit} were due, and ${number(reached)} were sent. What was not sent is in no latency figure, so the latencies are not those at ${number(due)} ${unit} (coordinated omission).`,
    )
  }
  if (reached > due * (1 + rateTolerance)) {
    return misleading(`${number(due)} ${unit} were due, and ${number(reached)} were sent.`)
  }
  return agreeing(`${number(reached)} ${unit} were sent of ${number(due)} that were due.`)
}

/** Above it, requests wait in the generator. */
const generatorFull = 0.9

const generatorCpu: Check = ({ threads, generator }, { generatorCores: busy, cores: given }) => {
  const cores = given ?? threads
  if (busy === null) return null
  if (cores === null) return note(`State with --cores how many cores ${generator} could use.`)
  const use = `${generator} used ${number(busy)} of ${number(cores)} cores`
  if (busy > cores * (1 + tolerance)) return impossible(`${use}.`)
  return busy >= cores * generatorFull
    ? misleading(
        `${use}. It had no CPU to spare: the rate is its own limit, and the latencies hold the time that answers waited in it.`,
      )
    : agreeing(`${use}.`)
}

/** CPU of each generator for one small request, us, as this lab measured it. */
const priceUs = { k6: 49, wrk: 5, autocannon: 15, Locust: 98 } as const
/** Machines differ by about this factor. */
const machinesDiffer = 3

/** Where the CPU of the generator is not known, its usual price says whether it can have sent that much. */
const generatorPrice: Check = (
  { generator, ratePerS, threads, requestsPerUser },
  { generatorCores, cores: given },
) => {
  const cores = given ?? threads
  if (generatorCores !== null) return null
  const needed = (ratePerS * priceUs[generator]) / 1e6
  if (needed < (cores ?? 1) * generatorFull) return null
  const price = `${generator} usually takes ${priceUs[generator]} us of CPU a request, so ${number(needed)} cores for ${number(ratePerS)} requests/s`
  if (cores === null) return note(`${price}. State with --cores how many it could use.`)
  // Requests that are sent together cost less.
  return needed > cores * machinesDiffer && requestsPerUser === 1
    ? impossible(`${price}. It had ${number(cores)}.`)
    : note(`${price}. It had ${number(cores)}: it may have been the limit. State --generator-cpu.`)
}

/** The smaller of the two counts; that they differ is another check. */
function usersOf({ users: inFile }: StatedResult, { users }: TestFacts): number | null {
  const known = [inFile, users].filter(count => count !== null)
  return known.length === 0 ? null : Math.min(...known)
}

function roundingOf({ latencyMs: { rounding } }: StatedResult, ms: number): number {
  return rounding.ms + rounding.share * Math.abs(ms)
}

function nameOf(share: number): string {
  return share === 0.5 ? 'median' : `p${Number((share * 100).toFixed(4))}`
}

function timeOf(ms: number): string {
  return Math.abs(ms) >= 1000 ? `${number(ms / 1000)} s` : `${number(ms)} ms`
}

function shareOf(share: number): string {
  return share >= 0.01 ? percent(share) : `${number(share * 100)} %`
}
