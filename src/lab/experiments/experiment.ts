import type { Machine } from '../analysis/demand.ts'
import { type LoadGenerator, type LoadShape, rampS } from '../load/generator.ts'
import type { RequestTemplate } from '../load/templates.ts'
import type { Figure, Knobs, Reproduction, Sample, Verdict } from '../results.ts'
import type { PeerName } from '../stack/peers/peers.ts'

/** One question put to the service, with everything needed to ask it again. One file in this folder each. */
export interface Experiment {
  readonly name: string
  readonly question: string
  /** What we expect and why; the answer may refute it. */
  readonly hypothesis: string
  /** The source report's finding that it reproduces (`A1` … `C2`), or null. */
  readonly finding: string | null
  readonly varies: string
  readonly holds: string
  readonly timing: Timing
  readonly steps: readonly Step[]
  /** Steps that depend on what was measured before them. */
  readonly search?: Search
  /**
   * The verdict is put to the proof by turning the accused knob one step, which takes a minute: not worth it
   * where the experiment turns that knob itself, or accuses what another one has accused already.
   */
  readonly confirms?: boolean
  /** Pure: reads the answer off the samples. Called with what was measured, which may be less than all. */
  conclude(samples: readonly Sample[], machine: Machine): Conclusion
  /** Pure: the comparisons that the source report makes, made here. */
  reproduce?(samples: readonly Sample[]): Reproduction[]
}

/** Looks for a value between others: which step is worth measuring next is known only from the last. */
export interface Search {
  /** Steps at most, for the time it may take. */
  readonly atMost: number
  /**
   * Pure; null: found. Each step is measured with all its repeats before the next is asked for. A step with a label that
   * was measured before is measured again.
   */
  next(samples: readonly Sample[]): Step | null
}

export interface Timing {
  /** On each new process, before its first warm-up; see `breakIn` in `run/run-step.ts`. */
  readonly breakInS: number
  readonly warmupS: number
  readonly durationS: number
  /** Every step is measured this often, in an order shuffled anew for each repeat. */
  readonly repeats: number
}

/** One setting of the knobs under one load. */
export interface Step {
  /** What sets this step apart beside its load: `prepared`, `4 workers`. With the load it labels the sample. */
  readonly variant: string
  /** What the step sets, as tables and plots name it; the load's own figures are not repeated here. */
  readonly knobs: Knobs
  readonly load: LoadShape
  readonly requests: readonly RequestTemplate[]
  /** What is started and measured; the service of this repository by default. */
  readonly program?: PeerName
  /** Environment of the service process: its knobs, and `NODE_OPTIONS` for preloaded modules. */
  readonly service?: Readonly<Record<string, string>>
  /**
   * Environment of a second service that gets the same load at the same moment, for a small difference in CPU:
   * what slows the machine slows both, and cancels (see `ratioByRepeat`). PostgreSQL works for both, so its share
   * in a request is not known then.
   */
  readonly beside?: Readonly<Record<string, string>>
  /** Settings of the PostgreSQL server, as in postgresql.conf. */
  readonly postgres?: Readonly<Record<string, string>>
  /** Runs against the emptied tables before the warm-up: rows to read, locks to meet. */
  readonly seed?: readonly string[]
  /** A sink for spans runs beside the service, which is told of it by `OTEL_EXPORTER_OTLP_ENDPOINT`. */
  readonly spanSink?: boolean
  /** The generator must take little of the machine: the step looks for a ceiling, or compares costs. */
  readonly ceiling?: boolean
  /** The step is about this generator; where it is not installed the step is left out. */
  readonly generator?: LoadGenerator['name']
  /** The service process is held to so many cores, as a container is; see `stack/cpu-limit.ts`. */
  readonly serviceCores?: number
  /**
   * The service has a core to itself, and takes turns there with the one beside it, each standing still while the other
   * runs; see `stack/own-core.ts`. So its throughput is that of half the time, and its latencies hold the other's turns.
   */
  readonly ownCore?: boolean
  /** A path whose answers carry `cpu_duration`; asked gently beside the load. */
  readonly reportedCpu?: string
  /** All workers are scraped this often while the load runs, as Prometheus would. */
  readonly scrapeEveryS?: number
  /** After each measurement the same load is sent once more, shortly, and profiled. One worker only. */
  readonly profile?: boolean
}

export interface Conclusion {
  /** The question answered in one or two sentences, with figures and their spread. */
  readonly answer: string
  /** The sample that the verdict is about, usually the one with the highest throughput; null of none. */
  readonly accused: Sample | null
  /** A sample of the same work under a lower load, from whose demands the ceiling is predicted. */
  readonly predictFrom?: Sample
  /** The ceiling where it takes more than one sample to predict it; wins over `predictFrom`. */
  readonly predictedPerS?: Figure
  /** What turning the accused knob did, where the experiment turned it. */
  readonly confirmed?: Verdict['confirmed']
  /** Pure: what the samples prove together, where one alone left the verdict inconclusive. */
  readonly judgedAgain?: (verdict: Verdict) => Verdict
}

/** Names a step in tables and plots: `prepared, 64 connections`. */
export function labelOf({ variant, load }: Pick<Step, 'variant' | 'load'>): string {
  if (load.mode === 'open') return `${variant}, ${load.ratePerS} requests/s`
  return `${variant}, ${load.connections} ${load.connections === 1 ? 'connection' : 'connections'}`
}

/**
 * What a step takes beside its load: process start, migrations, emptying the tables, generator start.
 * A guess for the progress bar and `list`, nothing is measured by it.
 */
export const stepOverheadS = 1.5
/** What profiling adds to a step. */
const profilingS = 4.5

/** Steps with the same key are measured on one service process. */
export function processKeyOf({ program, service, beside, postgres, spanSink, serviceCores }: Step): string {
  return JSON.stringify([program, service, beside, postgres, spanSink, serviceCores])
}

/** The accused knob is turned in two steps, each on a process of its own. */
const confirmingSteps = 2
/** Fewer cannot be told from noise: of three against three, none reaches into the other by chance 1 in 20. */
export const confirmingRepeats = 3

/** How long an experiment will take, in seconds. */
export function estimateS(experiment: Pick<Experiment, 'steps' | 'timing' | 'search' | 'confirms'>): number {
  const { steps, timing, search, confirms = false } = experiment
  const stepS = timing.warmupS + timing.durationS + stepOverheadS
  const processes = new Set(steps.map(processKeyOf)).size
  const extraS = steps.map(step => (step.profile ? profilingS : 0) + rampS(step.load))
  const measuringS = processes * timing.breakInS + steps.length * stepS + sum(extraS)
  const searchingS = (search?.atMost ?? 0) * (timing.breakInS + stepS)
  const confirmingS = confirms ? confirmingSteps * (timing.breakInS + stepS) : 0
  return (
    timing.repeats * (measuringS + searchingS) + Math.max(confirmingRepeats, timing.repeats) * confirmingS
  )
}

function sum(values: readonly number[]): number {
  return values.reduce((all, value) => all + value, 0)
}

/** A closed loop of so many connections. */
export function closed(connections: number): LoadShape {
  return { mode: 'closed', connections }
}

/** Arrivals at a rate, on at most so many connections at a time. */
export function open(ratePerS: number, maxConnections: number): LoadShape {
  return { mode: 'open', ratePerS, maxConnections }
}

/** The sample of one variant at one number of connections, if it was measured. */
export function find(samples: readonly Sample[], variant: string, connections: number): Sample | undefined {
  return findUnder(samples, variant, closed(connections))
}

/** The same under a load of any kind. */
export function findUnder(samples: readonly Sample[], variant: string, load: LoadShape): Sample | undefined {
  const label = labelOf({ variant, load })
  return samples.find(sample => sample.label === label)
}

/** The samples from the highest median throughput to the lowest. */
export function byThroughput(samples: readonly Sample[]): Sample[] {
  return samples.toSorted((a, b) => b.throughputPerS.median - a.throughputPerS.median)
}
