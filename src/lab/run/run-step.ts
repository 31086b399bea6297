import { availableParallelism } from 'node:os'
import { number } from '../analysis/wording.ts'
import { closed, estimateS, labelOf, type Step, type Timing } from '../experiments/experiment.ts'
import { autocannonGenerator } from '../load/autocannon.ts'
import type { Need } from '../load/choose.ts'
import { type LoadGenerator, rampS } from '../load/generator.ts'
import type { SpeedWatch } from '../probes/cpu-speed.ts'
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
  const name = `${experiment}: ${labelOf(step)} (${repeat} of ${timing.repeats})`
  let target = await bed.prepare(step)
  if (target.isNew) {
    progress.begin(`${experiment}: breaking in ${step.variant}`, timing.breakInS)
    await breakIn(target, step, timing.breakInS, signal)
    progress.done(`${experiment}: broke in ${step.variant}`)
    target = await bed.prepare(step)
  }
  const once = { ...timing, breakInS: 0, repeats: 1 }
  progress.begin(name, estimateS({ steps: [step], timing: once }))
  speed.sample()
  const generator = generatorOf(step, context)
  const plan = {
    baseUrl: target.url,
    requests: step.requests,
    shape: step.load,
    warmupS: timing.warmupS + rampS(step.load),
    durationS: timing.durationS,
  }
  using _ = await scrapingOf(target, step)
  const observation = await observe(target, generator, plan, {
    signal,
    cores: availableParallelism(),
    reportedCpu: step.reportedCpu,
    onLive: ratePerS => progress.live(ratePerS),
  })
  const failed = observation.load.failed > 0
  if (failed) onTrouble(name, target.log())
  const complaint = failed ? newestComplaint(target.log()) : null
  const profile = step.profile ? await profileStep(target, generator, plan, signal) : null
  progress.done(`${name}: ${outcomeOf(observation)}`)
  const seen = { ...observation, ...(complaint !== null && { complaint }) }
  if (profile === null) return seen
  const file = `${experiment}-${labelOf(step).replaceAll(/[^\w.]+/g, '-')}-${repeat}.${profile.ending}`
  keep(file, profile.file)
  return { ...seen, profile: { ...profile.layers, file } }
}

export function generatorOf(
  { ceiling = false, generator }: Step,
  { generatorFor }: Pick<StepContext, 'generatorFor'>,
): LoadGenerator {
  return generatorFor({ ceiling, generator })
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

function outcomeOf(observation: Observation): string {
  const { load, cpuUs } = observation
  const served = requestsServed(observation)
  return [
    `${number(load.succeeded / load.durationS)} requests/s`,
    `p50 ${number(load.latencyMs.p50)} ms`,
    `p99 ${number(load.latencyMs.p99)} ms`,
    ...(cpuUs.api === null || served === 0 ? [] : [`API ${number(cpuUs.api / served)} us`]),
    ...(load.failed > 0 ? [`${number(load.failed)} failed`] : []),
  ].join(', ')
}
