import { availableParallelism } from 'node:os'
import { number } from '../analysis/wording.ts'
import { closed, estimateS, labelOf, type Step, type Timing } from '../experiments/experiment.ts'
import { autocannonGenerator } from '../load/autocannon.ts'
import type { Need } from '../load/choose.ts'
import { type LoadGenerator, rampS } from '../load/generator.ts'
import type { SpeedWatch } from '../probes/cpu-speed.ts'
import { giveOwnCore, takeTurns } from '../stack/own-core.ts'
import { type Observation, observe, requestsServed } from './observe.ts'
import { profileStep } from './profile-step.ts'
import type { Progress } from './progress.ts'
import type { Profiled } from './sample.ts'
import { startScraping } from './scraping.ts'
import type { Target, TestBed } from './test-bed.ts'

/** What it takes to measure a step. */
export interface StepContext {
  readonly bed: TestBed
  readonly generatorFor: (need: Need) => LoadGenerator
  readonly progress: Progress
  readonly signal: AbortSignal
  readonly speed: SpeedWatch
  /** Called with the newest output of the service after a step in which requests failed. */
  readonly onTrouble: (what: string, log: string) => void
  /** Keeps a file beside the results. */
  readonly keep: (name: string, content: string | Uint8Array) => void
}

/** Which of the repeats of which experiment it is. */
export interface Turn {
  readonly experiment: string
  readonly timing: Timing
  readonly repeat: number
}

/**
 * Measures one step once: the service set up and broken in, the load sent and watched, and where the step asks
 * for it the same load once more under the profiler.
 */
export async function runStep(
  step: Step,
  { experiment, timing, repeat }: Turn,
  context: StepContext,
): Promise<Profiled> {
  const { bed, progress, signal, speed, onTrouble, keep } = context
  signal.throwIfAborted()
  const which = timing.repeats === 1 ? '' : ` (${repeat} of ${timing.repeats})`
  const name = `${experiment}: ${labelOf(step)}${which}`
  let targets = await targetsFor(step, bed)
  const isNew = targets.filter(one => one.isNew)
  if (isNew.length > 0) {
    progress.begin(`${experiment}: breaking in ${step.variant}`, timing.breakInS)
    await Promise.all(isNew.map(one => breakIn(one, step, timing.breakInS, signal)))
    progress.done(`${experiment}: broke in ${step.variant}`)
    targets = await targetsFor(step, bed)
  }
  const [target, other] = targets
  const once = { ...timing, breakInS: 0, repeats: 1 }
  progress.begin(name, estimateS({ steps: [step], timing: once }))
  speed.sample()
  const generator = generatorOf(step, context)
  const plan = {
    ...target.connection,
    baseUrl: target.url,
    requests: step.requests,
    shape: step.load,
    warmupS: timing.warmupS + rampS(step.load),
    durationS: timing.durationS,
  }
  using _scraping = await scrapingOf(target, step)
  using _core = step.ownCore ? shareOwnCore(targets) : undefined
  const options = { signal, cores: availableParallelism(), reportedCpu: step.reportedCpu }
  const observeTarget = () =>
    observe(target, generator, plan, { ...options, onLive: ratePerS => progress.live(ratePerS) })
  const observeOther = () =>
    other && observe(other, generator, { ...plan, baseUrl: other.url }, { ...options, onLive: () => {} })
  const [observation, beside] = await bothAtOnce(repeat, observeTarget, observeOther)
  const failed = observation.load.failed > 0
  if (failed) onTrouble(name, target.log())
  const complaint = failed ? newestComplaint(target.log()) : null
  const profile = step.profile ? await profileStep(target, generator, plan, signal) : null
  progress.done(`${name}: ${outcomeOf(observation)}`)
  const seen = {
    ...observation,
    ...(beside && besideFigures(beside)),
    ...(complaint !== null && { complaint }),
  }
  if (profile === null) return seen
  const file = `${experiment}-${labelOf(step).replaceAll(/[^\w.]+/g, '-')}-${repeat}.${profile.ending}`
  keep(file, profile.file)
  return { ...seen, profile: { ...profile.layers, file } }
}

/** Both at the same moment; who is first by the milliseconds that a start takes changes from repeat to repeat. */
async function bothAtOnce<A, B>(
  repeat: number,
  a: () => Promise<A>,
  b: () => Promise<B> | undefined,
): Promise<[A, B | undefined]> {
  if (repeat % 2 === 1) return Promise.all([a(), b()])
  const [second, first] = await Promise.all([b(), a()])
  return [first, second]
}

/** The step's target, and the one beside it where there is to be one. */
async function targetsFor(step: Step, bed: TestBed): Promise<[Target] | [Target, Target]> {
  const target = await bed.prepare(step)
  if (step.beside === undefined) return [target]
  const other = await bed.prepare({ ...step, service: step.beside }, 'beside the others')
  const sharesDatabase = (one: Target): Target => ({ ...one, databasePid: null, databaseUrl: null })
  return [sharesDatabase(target), sharesDatabase(other)]
}

/** Those of a step have a core to themselves, and take turns there. */
function shareOwnCore(targets: readonly Target[]): Disposable {
  const pids = targets.flatMap(({ apiPid }) => apiPid ?? [])
  const shared = new DisposableStack()
  shared.use(giveOwnCore(pids))
  shared.use(takeTurns(pids))
  return shared
}

export function generatorOf(
  { ceiling = false, generator, requests, load }: Step,
  { generatorFor }: Pick<StepContext, 'generatorFor'>,
): LoadGenerator {
  return generatorFor({ ceiling, generator, requests, load })
}

function scrapingOf({ adminUrl }: Target, { scrapeEveryS }: Step): Promise<Disposable> | undefined {
  return adminUrl === null || scrapeEveryS === undefined ? undefined : startScraping(adminUrl, scrapeEveryS)
}

const breakInConnections = 64

/**
 * Loads a new process until V8 has compiled what is hot. Its compiler works on helper threads, and their CPU
 * counts as the service's: over the first 60,000 inserts it was measured at 20 us each, on top of 100, and a
 * lone client takes a minute to send so many. So the load is the step's requests, but from many connections
 * and the cheapest generator.
 */
async function breakIn(
  target: Target,
  { requests }: Step,
  durationS: number,
  signal: AbortSignal,
): Promise<void> {
  if (durationS === 0) return
  const plan = { baseUrl: target.url, requests, shape: closed(breakInConnections), warmupS: 0, durationS }
  await autocannonGenerator.run(plan, { signal, onLive: () => {}, onWindow: () => {} })
}

/** The newest line in which PostgreSQL or the service says what went wrong. */
export function newestComplaint(log: string): string | null {
  const line = log.split('\n').findLast(one => /FATAL|ERROR|"level":(50|60)/.test(one))
  return line === undefined ? null : line.slice(line.search(/FATAL|ERROR|\{/))
}

function apiUsOf(observation: Observation): number | null {
  const served = requestsServed(observation)
  const { api } = observation.cpuUs
  return api === null || served === 0 ? null : api / served
}

/** None where requests failed: what those cost or took is no price of an insert. */
function besideFigures(observation: Observation): Pick<Profiled, 'besideUs' | 'besideP99Ms'> {
  const { load } = observation
  if (load.failed > 0) return { besideUs: null, besideP99Ms: null }
  return { besideUs: apiUsOf(observation), besideP99Ms: load.latencyMs.p99 }
}

function outcomeOf(observation: Observation): string {
  const { load } = observation
  const apiUs = apiUsOf(observation)
  return [
    `${number(load.succeeded / load.durationS)} requests/s`,
    `p50 ${number(load.latencyMs.p50)} ms`,
    `p99 ${number(load.latencyMs.p99)} ms`,
    ...(apiUs === null ? [] : [`API ${number(apiUs)} us`]),
    ...(load.failed > 0 ? [`${number(load.failed)} failed`] : []),
  ].join(', ')
}
