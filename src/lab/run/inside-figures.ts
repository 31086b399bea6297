import { figureOf, figureOrNull } from '../analysis/figures.ts'
import type { PostgresWindow } from '../probes/postgres/watch.ts'
import type { Figure, Postgres, Sample } from '../results.ts'
import { type ByProcess, type Observation, per, requestsSent, requestsServed } from './observe.ts'

const topStatements = 5

/**
 * The parts of a sample that come from inside: from the service, PostgreSQL and the kernel. Pure. Leaves out each part of
 * which nothing could be read.
 */
export function insideFigures(observations: readonly Observation[]): Partial<Sample> {
  return {
    ...failuresOf(observations),
    generatorStalled: figureOrNull(observations.map(({ load }) => load.stalled)),
    ...serviceFigures(observations),
    ...postgresFigures(observations),
    pressure: figuresOfParts(observations.map(({ pressure }) => pressure)),
    throttled: figuresOfParts(observations.map(throttledShares)),
  }
}

/** The kernel adds up the time of each core that it kept from the process, which can be more than the window. */
function throttledShares({ throttledUs: { api, database, generator }, windowS }: Observation): ByProcess {
  const share = (us: number | null) => (us === null ? null : Math.min(1, us / (windowS * 1e6)))
  return { api: share(api), database: share(database), generator: share(generator) }
}

function failuresOf(observations: readonly Observation[]): Pick<Sample, 'failures'> {
  const failures = figuresByName(
    observations.map(one => sharesOf(Object.entries(one.load.failures), requestsSent(one))),
  )
  return failures === null ? {} : { failures }
}

function sharesOf(counts: Iterable<[string, number]>, all: number): Map<string, number> {
  return new Map(all === 0 ? [] : [...counts].map(([name, count]) => [name, count / all]))
}

function serviceFigures(
  observations: readonly Observation[],
): Pick<Sample, 'refusals' | 'whereabouts' | 'pool' | 'runtime'> {
  const windows = allOrNull(observations.map(({ service }) => service))
  if (windows === null) return {}
  const pools = allOrNull(windows.map(({ pool }) => pool))
  const refusals = figuresByName(windows.map(({ refusals: counts, requests }) => sharesOf(counts, requests)))
  return {
    ...(refusals !== null && { refusals }),
    whereabouts: figuresOfParts(windows.map(({ whereabouts }) => whereabouts)),
    ...(pools !== null && { pool: figuresOfParts(pools) }),
    runtime: figuresOfParts(
      windows.map(({ residentMiB, heapShare, gcShare, gcPauseMs }) => {
        return { residentMiB, heapShare, gcShare, gcPauseMs }
      }),
    ),
  }
}

function postgresFigures(observations: readonly Observation[]): Pick<Sample, 'postgres'> {
  const windows = allOrNull(
    observations.map(one =>
      one.postgres === null ? null : { ...one.postgres, requestsPerS: requestsServed(one) / one.windowS },
    ),
  )
  if (windows === null) return {}
  const maybe = (of: (one: Window) => number | null) => figureOrNull(windows.map(of))
  return {
    postgres: {
      sessions: figuresByName(windows.map(({ sessions }) => sessions.mean)) ?? {},
      peakSessions: maybe(({ sessions }) => sessions.peak),
      maxConnections: maybe(({ maxConnections }) => maxConnections),
      blockers: figuresByName(windows.map(({ blockers }) => blockers)) ?? {},
      statements: statementFigures(windows),
      walBytesPerRequest: maybe(one => perRequest(one.walBytes, one)),
      walFlush: {
        perS: maybe(({ flushes, windowS }) => per(flushes, windowS)),
        ms: maybe(({ flushMs, flushes }) => per(flushMs, flushes ?? 0)),
        share: maybe(({ walIoMs, windowS }) => per(walIoMs, windowS * 1000)),
      },
      checkpoints: maybe(({ checkpoints }) => checkpoints),
      probeCores: maybe(({ probeUs, windowS }) => per(probeUs, windowS * 1e6)),
    },
  }
}

type Window = PostgresWindow & { readonly requestsPerS: number }

/** The most expensive statements of the first repeat, with their figures of all repeats. */
function statementFigures(windows: readonly Window[]): Postgres['statements'] {
  const [first] = windows
  return (first?.statements ?? []).slice(0, topStatements).flatMap(({ text }) => {
    const seen = windows.map(one => ({
      one,
      statement: one.statements?.find(statement => statement.text === text),
    }))
    const callsPerRequest = figureOrNull(
      seen.map(({ one, statement }) => perRequest(statement?.calls ?? 0, one)),
    )
    const executionUsPerRequest = figureOrNull(
      seen.map(({ one, statement }) => perRequest(statement?.executionUs ?? 0, one)),
    )
    return callsPerRequest === null || executionUsPerRequest === null
      ? []
      : [{ text, callsPerRequest, executionUsPerRequest }]
  })
}

/** From rates, because this window and the window of the requests differ by a few statements. */
function perRequest(amount: number | null, { windowS, requestsPerS }: Window): number | null {
  return per(per(amount, windowS), requestsPerS)
}

/** The figure of each part; null where a repeat has no reading of it. Every repeat has the same parts. */
function figuresOfParts<Part extends string>(
  repeats: readonly Readonly<Record<Part, number | null>>[],
): Record<Part, Figure | null> {
  const parts = Object.keys(repeats[0] ?? {}) as Part[]
  const figures = parts.map(part => [part, figureOrNull(repeats.map(repeat => repeat[part]))])
  return Object.fromEntries(figures)
}

function allOrNull<T>(values: readonly (T | null)[]): T[] | null {
  const known = values.filter(value => value !== null)
  return known.length === values.length ? known : null
}

/** One figure per name, the largest first. A repeat without a name counts as 0. null where a repeat is unknown, or no name. */
export function figuresByName(
  repeats: readonly (ReadonlyMap<string, number> | null)[],
): Record<string, Figure> | null {
  const known = allOrNull(repeats)
  if (known === null) return null
  const names = [...new Set(known.flatMap(repeat => [...repeat.keys()]))]
  const figures = names.flatMap((name): [string, Figure][] => {
    const figure = figureOf(known.map(repeat => repeat.get(name) ?? 0))
    return figure === null ? [] : [[name, figure]]
  })
  if (figures.length === 0) return null
  return Object.fromEntries(figures.toSorted(([, a], [, b]) => b.median - a.median))
}
