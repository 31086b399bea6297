import type { DiagnosisInput } from '../analysis/diagnose.ts'
import { counted } from '../analysis/wording.ts'
import { type LoadGenerator, type LoadShape, rampS } from '../load/generator.ts'
import type { RequestTemplate } from '../load/templates.ts'
import type { Knobs, Reproduction, Sample } from '../results.ts'
import type { PeerName } from '../stack/peers/peers.ts'

/** One question of a user, and how it is measured. One file in this folder each. */
export interface Experiment {
  readonly name: string
  readonly question: string
  /** What we expect, and why. The answer may differ. */
  readonly hypothesis: string
  /** The source report's finding that it reproduces, `A1` … `C2`. */
  readonly finding?: string
  readonly varies: string
  readonly holds: string
  readonly timing: Timing
  readonly steps: readonly Step[]
  /** Steps that depend on what was measured before them. */
  readonly search?: Search
  /**
   * The suspected limit is tested: its setting is changed one step and measured again, which takes a minute. Not for an
   * experiment that varies that setting itself.
   */
  readonly confirms?: boolean
  /** Pure: the answer that the samples give. Some samples may be missing. */
  conclude(samples: readonly Sample[]): Conclusion
  /** Pure: the comparisons of the source report, with our figures. */
  reproduce?(samples: readonly Sample[]): Reproduction[]
}

/** Looks for a value step by step: each step depends on the ones before it. */
export interface Search {
  /** Steps at most, for the time it may take. */
  readonly atMost: number
  /**
   * Pure. null: the search is over. Each step is measured with all its repeats before the next call. A step whose label
   * was measured before is measured again.
   */
  next(samples: readonly Sample[]): Step | null
}

export interface Timing {
  /** Load on each new process, until V8 has compiled what is hot; see `warmUp` in `run/run-step.ts`. */
  readonly processWarmupS: number
  /** Load before each measurement, which does not count. */
  readonly warmupS: number
  readonly durationS: number
  /** Every step is measured this often, in an order shuffled anew for each repeat. */
  readonly repeats: number
}

/** One combination of settings under one load. */
export interface Step {
  /** How this step differs from others with the same load: `prepared`, `4 workers`. With the load it labels the sample. */
  readonly variant: string
  /** What the step sets, as tables and plots name it, without the load. */
  readonly knobs: Knobs
  readonly load: LoadShape
  readonly requests: readonly RequestTemplate[]
  /** What is started and measured; the service of this repository by default. */
  readonly program?: PeerName
  /** Environment of the service process: its settings, and `NODE_OPTIONS` for preloaded modules. */
  readonly service?: Readonly<Record<string, string>>
  /** For a difference smaller than the changes of the machine's pace; see {@link Control}. */
  readonly control?: Control
  /** Settings of the PostgreSQL server, as in postgresql.conf. */
  readonly postgres?: Readonly<Record<string, string>>
  /** Runs against the emptied tables before the warm-up: rows to read, locks to meet. */
  readonly seed?: readonly string[]
  /** The lab takes the service's spans and drops them; `OTEL_EXPORTER_OTLP_ENDPOINT` tells the service where. */
  readonly takesSpans?: boolean
  /**
   * The load comes from k6 where it is installed, as users send it. Without this the cheapest generator sends it: k6 takes
   * 5 to 7 times its CPU, which on shared cores is missing to the service and doubles the latency of a lone client.
   */
  readonly usualGenerator?: boolean
  /** The step is about this generator; where it is not installed the step is left out. */
  readonly generator?: LoadGenerator['name']
  /** The service process is held to so many cores, as a container is; see `stack/cpu-limit.ts`. */
  readonly serviceCores?: number
  /** A path whose answers carry `cpu_duration`; asked one request at a time while the load runs. */
  readonly reportedCpu?: string
  /** After each measurement the same load is sent once more, shortly, and profiled. One worker only. `once`: only after the first. */
  readonly profile?: boolean | 'once'
  /** Rows of one request. After each measurement it is checked that every row that was answered for is in the table. */
  readonly auditRows?: number
}

/**
 * Another service that does the same work. Both run at the same time, and the same load goes to one and to the other in
 * turn, in short windows. The pace of a machine changes within seconds, so only two windows that follow each other are
 * compared; see `run/run-step.ts`.
 */
export interface Control extends Pick<Step, 'program' | 'service'> {
  /** What tables and plots call it. */
  readonly name: string
  /** Windows that each of the two services gets in one repeat. */
  readonly windows: number
}

export interface Conclusion extends DiagnosisInput {
  /** The question answered in one or two sentences, with figures and their spread. */
  readonly answer: string
}

/** Names a step in tables and plots: `prepared, 64 connections`. */
export function labelOf({ variant, load }: Pick<Step, 'variant' | 'load'>): string {
  if (load.mode === 'open') return `${variant}, ${load.ratePerS} requests/s`
  return `${variant}, ${counted(load.connections, 'connection')}`
}

/**
 * What a step takes in addition to its load: process start, migrations, emptying the tables, generator start.
 * A guess for the progress bar and `list`, nothing is measured by it.
 */
export const stepOverheadS = 1.5
/** What profiling adds to a step. */
const profilingS = 4.5

/** Steps with the same key are measured on one service process. */
export function processKeyOf({
  program,
  service,
  control,
  postgres,
  takesSpans,
  serviceCores,
}: Step): string {
  return JSON.stringify([program, service, control, postgres, takesSpans, serviceCores])
}

/** Two settings of the suspected limit are measured, each on a process of its own. */
const confirmingSteps = 2
/** With three repeats each, the two settings are apart by chance in 1 of 20 cases; with fewer, more often. */
export const confirmingRepeats = 3

/** How long an experiment will take, in seconds. */
export function estimateS(experiment: Pick<Experiment, 'steps' | 'timing' | 'search' | 'confirms'>): number {
  const { steps, timing, search, confirms = false } = experiment
  const stepS = timing.warmupS + timing.durationS + stepOverheadS
  const processes = new Set(steps.map(processKeyOf)).size + steps.filter(step => step.control).length
  const windows = steps.map(({ control }) => (control === undefined ? 1 : 2 * control.windows))
  const extraS = steps.map(step => (step.profile ? profilingS : 0) + rampS(step.load))
  const measuringS = processes * timing.processWarmupS + sum(windows) * stepS + sum(extraS)
  const searchingS = (search?.atMost ?? 0) * (timing.processWarmupS + stepS)
  const confirmingS = confirms ? confirmingSteps * (timing.processWarmupS + stepS) : 0
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

/** The sample of a step, if it was measured. */
export function find(samples: readonly Sample[], step: Pick<Step, 'variant' | 'load'>): Sample | undefined {
  return samples.find(({ label }) => label === labelOf(step))
}

/** The samples from the highest median throughput to the lowest. */
export function byThroughput(samples: readonly Sample[]): Sample[] {
  return samples.toSorted((a, b) => b.throughputPerS.median - a.throughputPerS.median)
}
