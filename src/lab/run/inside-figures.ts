import { figureOf, figureOrNull } from '../analysis/figures.ts'
import type { PostgresWindow } from '../probes/postgres/watch.ts'
import type { ServiceWindow } from '../probes/service-state.ts'
import type { Figure, Postgres, Sample } from '../results.ts'
import { type Observation, requestsServed } from './observe.ts'

/** The parts of a sample that come from inside: from the service, PostgreSQL and the kernel. */
type Inside = Pick<
  Sample,
  | 'failures'
  | 'refusals'
  | 'generatorStalled'
  | 'whereabouts'
  | 'pool'
  | 'postgres'
  | 'runtime'
  | 'pressure'
  | 'throttled'
>

const topStatements = 5

/** Pure. Leaves out each part of which nothing could be read. */
export function insideFigures(observations: readonly Observation[]): Inside {
  const maybe = (of: (one: Observation) => number | null) => figureOrNull(observations.map(of))
  return {
    ...failuresOf(observations),
    generatorStalled: maybe(({ load }) => load.stalled),
    ...serviceFigures(observations),
    ...postgresFigures(observations),
    pressure: {
      cpu: maybe(({ pressure }) => pressure.cpu),
      io: maybe(({ pressure }) => pressure.io),
      memory: maybe(({ pressure }) => pressure.memory),
    },
    throttled: {
      api: maybe(one => shareOfWindow(one, 'api')),
      database: maybe(one => shareOfWindow(one, 'database')),
      generator: maybe(one => shareOfWindow(one, 'generator')),
    },
  }
}

/** The kernel adds up the time of each core that it kept from the process, which can be more than the window. */
function shareOfWindow({ throttledUs, windowS }: Observation, of: keyof Observation['throttledUs']) {
  const us = throttledUs[of]
  return us === null ? null : Math.min(1, us / (windowS * 1e6))
}

function failuresOf(observations: readonly Observation[]): Pick<Inside, 'failures'> {
  const failures = figuresByName(
    observations.map(
      ({ load }) =>
        new Map(
          Object.entries(load.failures).map(([how, count]) => [how, count / (load.succeeded + load.failed)]),
        ),
    ),
  )
  return failures === null || Object.keys(failures).length === 0 ? {} : { failures }
}

function serviceFigures(
  observations: readonly Observation[],
): Pick<Inside, 'refusals' | 'whereabouts' | 'pool' | 'runtime'> {
  const windows = allOrNull(observations.map(({ service }) => service))
  if (windows === null) return {}
  const maybe = (of: (one: ServiceWindow) => number | null) => figureOrNull(windows.map(of))
  const pools = allOrNull(windows.map(({ pool }) => pool))
  const pooled = (of: (pool: NonNullable<ServiceWindow['pool']>) => number | null) =>
    pools === null ? null : figureOrNull(pools.map(of))
  const refusals = figuresByName(
    windows.map(({ refusals: counts, requests }) =>
      requests === 0 ? new Map() : new Map([...counts].map(([reason, count]) => [reason, count / requests])),
    ),
  )
  return {
    ...(refusals !== null && Object.keys(refusals).length > 0 && { refusals }),
    whereabouts: {
      service: maybe(({ whereabouts }) => whereabouts.service),
      poolQueue: maybe(({ whereabouts }) => whereabouts.poolQueue),
      database: maybe(({ whereabouts }) => whereabouts.database),
      batchQueue: maybe(({ whereabouts }) => whereabouts.batchQueue),
    },
    ...(pools !== null && {
      pool: {
        max: pooled(({ max }) => max),
        used: pooled(({ used }) => used),
        waitMs: pooled(({ waitMs }) => waitMs),
        useMs: pooled(({ useMs }) => useMs),
        timeouts: pooled(({ timeouts }) => timeouts),
      },
    }),
    runtime: {
      residentMiB: maybe(({ residentMiB }) => residentMiB),
      heapShare: maybe(({ heapShare }) => heapShare),
      gcShare: maybe(({ gcShare }) => gcShare),
      gcPauseMs: maybe(({ gcPauseMs }) => gcPauseMs),
    },
  }
}

function postgresFigures(observations: readonly Observation[]): Pick<Inside, 'postgres'> {
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
        perS: maybe(({ flushes, windowS }) => over(flushes, windowS)),
        ms: maybe(({ flushMs, flushes }) => over(flushMs, flushes ?? 0)),
        share: maybe(({ walIoMs, windowS }) => over(walIoMs, windowS * 1000)),
      },
      checkpoints: maybe(({ checkpoints }) => checkpoints),
      probeCores: maybe(({ probeUs, windowS }) => over(probeUs, windowS * 1e6)),
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
  return over(over(amount, windowS), requestsPerS)
}

function over(amount: number | null, by: number): number | null {
  return amount === null || by === 0 ? null : amount / by
}

function allOrNull<T>(values: readonly (T | null)[]): T[] | null {
  const known = values.filter(value => value !== null)
  return known.length === values.length ? known : null
}

/** One figure per name, the largest first. A repeat without a name counts as 0. null where a repeat has no names. */
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
  return Object.fromEntries(figures.toSorted(([, a], [, b]) => b.median - a.median))
}
