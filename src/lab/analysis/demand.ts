import type { Figure, Manifest, Sample } from '../results.ts'
import { inverse, mapFigure, ratioByRepeat } from './figures.ts'

export type Resource = 'api' | 'database' | 'generator' | 'host'

/** What one request asks of a resource, and the throughput at which that resource is full. */
export interface Demand {
  readonly resource: Resource
  /** Service demand D = U/X (utilisation law, Denning & Buzen 1978), in microseconds of CPU a request. */
  readonly demandUs: Figure
  /** How many cores the resource can use at most. */
  readonly cores: number
  /** Cores in use over cores it can use, 0 … 1. */
  readonly utilisation: Figure
  /** Bottleneck law: X <= cores / D. */
  readonly ceilingPerS: Figure
}

/**
 * The demands of a sample on every resource whose CPU could be read, the lowest ceiling first.
 *
 * An API worker runs JavaScript on one thread, so a worker is one core. Its helper threads make the demand a
 * little too high and the ceiling a little too low. PostgreSQL and k6 may use every core, the others one. The
 * host is full at `cores / sum of their demands`. CPU of other programs is no demand of a request, so the CPU
 * of the host itself is used only where one of the three could not be read.
 */
export function demandsOf(sample: Sample, { cores }: Pick<Manifest, 'cores'>): Demand[] {
  const { utilisation, throughputPerS, load } = sample
  const generatorCores = load.generator === 'k6' ? cores : 1
  const together = total([utilisation.api, utilisation.database, utilisation.generator]) ?? utilisation.host
  const host = demand('host', together, throughputPerS, cores)
  return [
    demand('api', utilisation.api, throughputPerS, Math.min(workersOf(sample), cores)),
    demand('database', utilisation.database, throughputPerS, cores),
    demand('generator', utilisation.generator, throughputPerS, generatorCores),
    host !== null && utilisation.host !== null
      ? { ...host, utilisation: mapFigure(utilisation.host, busy => busy / cores) }
      : null,
  ]
    .filter(one => one !== null)
    .sort((a, b) => a.ceilingPerS.median - b.ceilingPerS.median)
}

/** Cores that neither API, PostgreSQL nor generator used; null where one of them is unknown. */
export function othersCores({ utilisation: { host, api, database, generator } }: Sample): number | null {
  if (host === null || api === null || database === null || generator === null) return null
  return host.median - api.median - database.median - generator.median
}

/** Worker processes of the API: the setting `workers`, 1 where the step does not set it. */
export function workersOf({ knobs }: Sample): number {
  const workers = Number(knobs['workers'] ?? 1)
  return Number.isInteger(workers) && workers > 0 ? workers : 1
}

/** Demand and ceiling of one resource, from the cores it kept busy; null where that is unknown or nothing. */
function demand(
  resource: Resource,
  busy: Figure | null,
  throughputPerS: Figure,
  cores: number,
): Demand | null {
  if (busy === null || busy.median <= 0 || throughputPerS.low <= 0) return null
  const demandUs = perRequestUs(busy, throughputPerS)
  return {
    resource,
    demandUs,
    cores,
    utilisation: mapFigure(busy, used => used / cores),
    ceilingPerS: inverse(demandUs, cores * 1e6),
  }
}

/**
 * CPU of a request, from figures of the same repeats. More throughput needs more cores, so low is divided by low
 * and high by high: crossing them would show a spread that no repeat had.
 */
function perRequestUs(busy: Figure, perS: Figure): Figure {
  const median = (busy.median / perS.median) * 1e6
  const ends = [(busy.low / perS.low) * 1e6, (busy.high / perS.high) * 1e6, median]
  const repeats = Math.min(busy.repeats, perS.repeats)
  return { median, low: Math.min(...ends), high: Math.max(...ends), repeats }
}

/** The sum of figures; null where one of them is missing. */
function total(figures: readonly (Figure | null)[]): Figure | null {
  if (!figures.every(figure => figure !== null)) return null
  const sum = (end: 'median' | 'low' | 'high') => figures.reduce((all, figure) => all + figure[end], 0)
  const repeats = Math.min(...figures.map(figure => figure.repeats))
  return { median: sum('median'), low: sum('low'), high: sum('high'), repeats }
}

/** The API's CPU for a request over that of the control, pair by pair; null where there is no control, or no CPU. */
export function cpuOverControl({ cpuPerRequestUs: { api }, besideUs }: Sample): Figure | null {
  return api && besideUs ? ratioByRepeat(api, besideUs) : null
}

/** Requests answered a second over those of the control, pair by pair; null where there is no control. */
export function rateOverControl({ throughputPerS, besidePerS }: Sample): Figure | null {
  return besidePerS ? ratioByRepeat(throughputPerS, besidePerS) : null
}
