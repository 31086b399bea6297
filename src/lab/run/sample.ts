import { type LayerShares, layersPerRequestUs } from '../analysis/cpu-layers.ts'
import { figureOf, figureOrNull } from '../analysis/figures.ts'
import { littleDoubt } from '../analysis/little.ts'
import { sumOfAudits } from '../analysis/row-audit.ts'
import { steadinessOf, unsteadyDoubt } from '../analysis/steady.ts'
import { labelOf, type Step } from '../experiments/experiment.ts'
import type { LoadGenerator } from '../load/generator.ts'
import type { Figure, RowAudit, Sample } from '../results.ts'
import { figuresByName, insideFigures } from './inside-figures.ts'
import { apiUsOf, type Observation, per, requestsSent, requestsServed } from './observe.ts'

/** An observation and, where the step asks for one, the profile that was taken after it. */
export interface Profiled extends Observation {
  readonly profile?: LayerShares & { readonly file: string }
  /** Of the control, in its window of the same pair; null: some of its requests failed. */
  readonly control?: ControlFigures | null
  /** What the service runs on. */
  readonly versions?: string
  readonly audit?: RowAudit
  /** Where requests failed: why, in the words of PostgreSQL or the service. */
  readonly complaint?: string
}

export interface ControlFigures {
  /** API CPU per request, us. */
  readonly apiUs: number | null
  /** Answered requests a second. */
  readonly perS: number
  readonly p99Ms: number
}

/**
 * Folds the repeats of one step into a sample. Pure; at least one observation.
 *
 * The rate is over the window by the generator's clock, utilisation over the one between the probes' readings.
 */
export function sampleOf(
  step: Step,
  generator: Pick<LoadGenerator, 'name'>,
  durationS: number,
  observations: readonly Profiled[],
): Sample {
  const figure = (of: (one: Observation) => number) => certain(figureOf(observations.map(of)))
  const maybe = (of: (one: Profiled) => number | null) => figureOrNull(observations.map(of))
  const { mode, ...size } = step.load
  const steadiness = observations.map(({ ratesPerS }) => steadinessOf(ratesPerS))
  const complaint = observations.findLast(one => one.complaint !== undefined)?.complaint
  const versions = observations.find(one => one.versions !== undefined)?.versions
  const audits = observations.flatMap(({ audit }) => audit ?? [])
  const sample: Sample = {
    label: labelOf(step),
    knobs: step.knobs,
    load: { generator: generator.name, mode, durationS, ...size },
    throughputPerS: figure(({ load }) => load.succeeded / load.durationS),
    latencyMs: {
      p50: figure(({ load }) => load.latencyMs.p50),
      p90: figure(({ load }) => load.latencyMs.p90),
      p95: figure(({ load }) => load.latencyMs.p95),
      p99: figure(({ load }) => load.latencyMs.p99),
      max: figure(({ load }) => load.latencyMs.max),
      mean: figure(({ load }) => load.latencyMs.mean),
    },
    cpuPerRequestUs: {
      api: maybe(apiUsOf),
      database: maybe(one => per(one.cpuUs.database, requestsServed(one))),
      generator: maybe(one => per(one.cpuUs.generator, requestsSent(one))),
    },
    ...(step.control !== undefined && {
      besideUs: maybe(({ control }) => control?.apiUs ?? null),
      besidePerS: maybe(({ control }) => control?.perS ?? null),
      besideP99Ms: maybe(({ control }) => control?.p99Ms ?? null),
    }),
    ...(step.reportedCpu !== undefined && {
      reportedCpuUs: {
        ledger: maybe(({ ledger }) => ledger?.requestUs ?? null),
        naive: maybe(({ reported }) => reported?.naiveUs ?? null),
      },
    }),
    ...ledgerFigures(observations),
    ...routeFigures(observations),
    ...profileFigures(observations),
    utilisation: {
      api: maybe(one => per(one.cpuUs.api, one.windowS * 1e6)),
      apiThread: maybe(({ apiThread }) => apiThread),
      apiThreadRan: maybe(({ apiThreadShares }) => apiThreadShares?.ran ?? null),
      apiThreadQueued: maybe(({ apiThreadShares }) => apiThreadShares?.queued ?? null),
      database: maybe(one => per(one.cpuUs.database, one.windowS * 1e6)),
      databaseQueued: maybe(({ databaseQueued }) => databaseQueued),
      generator: maybe(one => per(one.cpuUs.generator, one.windowS * 1e6)),
      host: maybe(({ hostCores }) => hostCores),
    },
    errors: {
      ratio: figure(one => per(one.load.failed, requestsSent(one)) ?? 0),
      dropped: figure(({ load }) => load.dropped),
    },
    ...insideFigures(observations),
    rowsPerBatch: maybe(one => one.rowsPerBatch),
    steady: steadiness.every(one => one !== null) ? steadiness.every(({ steady }) => steady) : null,
    ...(complaint !== undefined && { complaint }),
    ...(versions !== undefined && { versions }),
    ...(audits.length > 0 && { audit: audits.reduce(sumOfAudits) }),
  }
  const doubts = [littleDoubt(sample), unsteadyDoubt(steadiness)].filter(doubt => doubt !== null)
  return doubts.length === 0 ? sample : { ...sample, doubts }
}

function ledgerFigures(observations: readonly Observation[]): Pick<Sample, 'ledgerUs'> {
  const amounts = observations.map(({ ledger }) =>
    ledger === null ? null : new Map([['request', ledger.requestUs], ...ledger.bucketsUs]),
  )
  const ledgerUs = figuresByName(amounts)
  return ledgerUs === null ? {} : { ledgerUs }
}

/** A repeat in which a route had no request has no figure of it. */
function routeFigures(observations: readonly Observation[]): Pick<Sample, 'routes'> {
  const windows = observations.flatMap(({ ledger }) => ledger ?? [])
  const names = new Set(windows.flatMap(({ routes }) => [...routes.keys()]))
  const routes = [...names].flatMap(route => {
    const cpuUs = figureOf(windows.flatMap(one => one.routes.get(route)?.cpuUs ?? []))
    const share = figureOf(
      windows.map(({ routes: all }) => {
        const finished = [...all.values()].reduce((sum, { requests }) => sum + requests, 0)
        return per(all.get(route)?.requests ?? 0, finished) ?? 0
      }),
    )
    return cpuUs === null || share === null ? [] : [{ route, cpuUs, share }]
  })
  const totalUs = ({ cpuUs, share }: (typeof routes)[number]) => cpuUs.median * share.median
  return routes.length === 0 ? {} : { routes: routes.toSorted((a, b) => totalUs(b) - totalUs(a)) }
}

function profileFigures(observations: readonly Profiled[]): Pick<Sample, 'layersUs' | 'profile'> {
  const profiles = observations.flatMap(({ profile }) => profile ?? [])
  // Some steps are profiled once only.
  const amounts = observations.flatMap(one => {
    const apiUs = apiUsOf(one)
    const helpersUs = one.ledger?.bucketsUs.get('helper_threads') ?? null
    return apiUs === null || !one.profile ? [] : [layersPerRequestUs(one.profile, apiUs, helpersUs)]
  })
  const layersUs = amounts.length === 0 ? null : figuresByName(amounts)
  return {
    ...(layersUs !== null && { layersUs }),
    ...(profiles.length > 0 && {
      profile: {
        agreement: figureOrNull(profiles.map(({ agreement }) => agreement)),
        files: profiles.map(({ file }) => file),
      },
    }),
  }
}

function certain(figure: Figure | null): Figure {
  if (figure === null) throw new Error('a sample needs at least one observation')
  return figure
}
