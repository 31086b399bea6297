import { availableParallelism } from 'node:os'
import { number } from '../analysis/wording.ts'
import {
  type Control,
  closed,
  estimateS,
  labelOf,
  type Step,
  type Timing,
} from '../experiments/experiment.ts'
import type { Progress } from '../live/progress.ts'
import type { Need } from '../load/choose.ts'
import { type LoadGenerator, type LoadPlan, rampS } from '../load/generator.ts'
import { undiciGenerator } from '../load/undici.ts'
import type { SpeedWatch } from '../probes/cpu-speed.ts'
import { apiUsOf, type Observation, observe } from './observe.ts'
import { profileStep } from './profile-step.ts'
import { auditRows } from './row-audit.ts'
import type { ControlFigures, Profiled } from './sample.ts'
import type { Target, Targets, TestBed } from './test-bed.ts'

/** What measuring a step needs. */
export interface StepContext {
  readonly bed: TestBed
  readonly generatorFor: (need: Need) => LoadGenerator
  readonly progress: Progress
  readonly signal: AbortSignal
  readonly speed: SpeedWatch
  /** Called with the newest output of the service after a window in which requests failed. */
  readonly onTrouble: (what: string, log: string) => void
  /** Keeps a file in the folder of the results. */
  readonly keep: (name: string, content: string | Uint8Array) => void
}

/** Which repeat of which experiment it is. */
export interface Round {
  readonly experiment: string
  readonly timing: Timing
  readonly repeat: number
  /** Measurements of the step so far. A search may ask for more of them later. */
  readonly measured: number
}

/**
 * Measures one step once: the service set up and warmed up, the load sent and watched, and where the step asks
 * for it the same load once more under the profiler.
 *
 * @param observed called with all that was seen so far, because what follows may be interrupted: after each pair of
 *   windows of a step with a control, and before and after a profile is taken
 * @returns all that was seen
 */
export async function runStep(
  step: Step,
  round: Round,
  context: StepContext,
  observed: (all: readonly Profiled[]) => void,
): Promise<readonly Profiled[]> {
  context.signal.throwIfAborted()
  const { experiment, timing, repeat, measured } = round
  const name = nameOf(step, round)
  const { target, control } = await warmedUp(step, round, context)
  const window: Window = (title, on) => measureWindow(title, on, step, round, context)
  if (step.control !== undefined && control !== null) {
    return runPairs(name, step.control, window, { target, control }, observed)
  }
  const seen = await audited(step, target, {
    ...(await window(name, target)),
    ...(target.versions && { versions: target.versions }),
  })
  observed([seen])
  if (!step.profile || (step.profile === 'once' && repeat > 1)) return [seen]
  const plan = planFor(target, step, timing)
  const profile = await profileStep(target, context.generatorFor(step), plan, context.signal)
  if (profile === null) return [seen]
  const file = `${experiment}-${labelOf(step).replaceAll(/[^\w.]+/g, '-')}-${measured + 1}.${profile.ending}`
  context.keep(file, profile.file)
  const whole = [{ ...seen, profile: { ...profile.layers, file } }]
  observed(whole)
  return whole
}

/** Names a step and its repeat for people. */
export function nameOf(step: Step, { experiment, timing, repeat }: Round): string {
  const which = timing.repeats === 1 ? '' : ` (${repeat} of ${timing.repeats})`
  return `${experiment}: ${labelOf(step)}${which}`
}

/** How long the windows of a step take in one repeat, on processes that are warm, s. */
export function windowsS(step: Step, { timing }: Round): number {
  return estimateS({ steps: [step], timing: { ...timing, processWarmupS: 0, repeats: 1 } })
}

/** The observation with what the table says of it, where the step asks for that. */
async function audited(step: Step, { url, databaseUrl }: Target, seen: Profiled): Promise<Profiled> {
  const [request] = step.requests
  if (step.auditRows === undefined || databaseUrl === null || request === undefined) return seen
  const audit = await auditRows(databaseUrl, `${url}${request.path}`, {
    rowsPerRequest: step.auditRows,
    answered: seen.load.succeeded,
  })
  return { ...seen, audit }
}

/**
 * Sends the load to the service and to its control in turn, one window each. Which of the two is first changes from pair
 * to pair: a machine that gets steadily slower then favours neither.
 */
async function runPairs(
  name: string,
  { windows, name: controlName }: Control,
  window: Window,
  { target, control }: { target: Target; control: Target },
  observed: (all: readonly Profiled[]) => void,
): Promise<readonly Profiled[]> {
  const all: Profiled[] = []
  for (let pair = 1; pair <= windows; pair++) {
    const measure = () => window(`${name}, pair ${pair} of ${windows}`, target)
    const measureControl = () => window(`${name}, pair ${pair} of ${windows}: ${controlName}`, control)
    const controlFirst = pair % 2 === 1
    const before = controlFirst ? await measureControl() : null
    const seen = await measure()
    const controlSeen = before ?? (await measureControl())
    all.push({ ...seen, control: controlFigures(controlSeen) })
    observed(all)
  }
  return all
}

type Window = (name: string, target: Target) => Promise<Profiled>

/** Measures one window of the step's load on a target. */
async function measureWindow(
  name: string,
  target: Target,
  { control: _, ...step }: Step,
  round: Round,
  { progress, signal, speed, onTrouble, generatorFor }: StepContext,
): Promise<Profiled> {
  progress.begin(name, windowsS(step, round))
  speed.sample()
  const observation = await observe(target, generatorFor(step), planFor(target, step, round.timing), {
    signal,
    cores: availableParallelism(),
    reportedCpu: step.reportedCpu,
    onLive: ratePerS => progress.live(ratePerS),
  })
  progress.done(`${name}: ${outcomeOf(observation)}`)
  if (observation.load.failed === 0) return observation
  onTrouble(name, target.log())
  const complaint = newestComplaint(target.log())
  return { ...observation, ...(complaint !== null && { complaint }) }
}

function planFor({ url, connection }: Target, { requests, load }: Step, timing: Timing): LoadPlan {
  const { warmupS, durationS } = timing
  return {
    ...connection,
    ...{ baseUrl: url, requests, shape: load, warmupS: warmupS + rampS(load), durationS },
  }
}

/** The step's services, after each new process has been warmed up, one after the other. */
async function warmedUp(
  step: Step,
  { experiment, timing: { processWarmupS } }: Round,
  { bed, progress, signal }: StepContext,
): Promise<Targets> {
  const { target, control } = await bed.prepare(step)
  const fresh = [
    ...(target.isNew ? [{ name: step.variant, target }] : []),
    ...(control?.isNew ? [{ name: step.control?.name ?? '', target: control }] : []),
  ]
  if (fresh.length === 0) return { target, control }
  for (const { name, target: one } of fresh) {
    progress.begin(`${experiment}: warming up ${name}`, processWarmupS)
    await warmUp(one, step, processWarmupS, signal)
    progress.done(`${experiment}: warmed up ${name}`)
  }
  return bed.prepare(step)
}

const processWarmupConnections = 64

/**
 * Loads a new process until V8 has compiled what is hot. Its compiler works on helper threads, and their CPU
 * counts as the service's: over the first 60,000 inserts it was measured at 20 us each, on top of 100, and a
 * lone client takes a minute to send so many. So the load is the step's requests, but from many connections
 * and the cheapest generator.
 */
async function warmUp(
  target: Target,
  { requests }: Step,
  durationS: number,
  signal: AbortSignal,
): Promise<void> {
  if (durationS === 0) return
  const shape = closed(processWarmupConnections)
  const plan = { ...target.connection, baseUrl: target.url, requests, shape, warmupS: 0, durationS }
  await undiciGenerator.run(plan, { signal, onLive: () => {}, onWindow: () => {} })
}

/** The newest line in which PostgreSQL or the service says what went wrong. */
export function newestComplaint(log: string): string | null {
  const line = log.split('\n').findLast(one => /FATAL|ERROR|"level":(50|60)/.test(one))
  return line === undefined ? null : line.slice(line.search(/FATAL|ERROR|\{/))
}

/** null where requests failed: a request that failed does not cost what an answered one does. */
function controlFigures(observation: Observation): ControlFigures | null {
  const { load } = observation
  if (load.failed > 0) return null
  return { apiUs: apiUsOf(observation), perS: load.succeeded / load.durationS, p99Ms: load.latencyMs.p99 }
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
