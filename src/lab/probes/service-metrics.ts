/** Reads single values off a service's metrics pages, as Prometheus would. */

/** One line of a page: a metric, its labels and its value. */
export interface Series {
  readonly metric: string
  readonly labels: Readonly<Record<string, string>>
  readonly value: number
}

/** Parses a page of Prometheus or OpenMetrics. Comments, exemplars and times are left out. */
export function parsePage(page: string): Series[] {
  return page.split('\n').flatMap(line => {
    const [, metric, labels = '', value] =
      /^([\w:]+)(?:\{((?:[^"}]|"(?:[^"\\]|\\.)*")*)\})?\s+(\S+)/.exec(line) ?? []
    if (metric === undefined || Number.isNaN(Number(value))) return []
    const pairs = [...labels.matchAll(/(\w+)="((?:[^"\\]|\\.)*)"/g)]
    return { metric, labels: Object.fromEntries(pairs.map(pair => pair.slice(1))), value: Number(value) }
  })
}

/** The sum of all series of a metric that have these labels; null where there are none. */
export function sumOf(
  page: readonly Series[],
  metric: string,
  labels: Readonly<Record<string, string>> = {},
): number | null {
  const wanted = Object.entries(labels)
  const found = page.filter(
    one => one.metric === metric && wanted.every(([name, value]) => one.labels[name] === value),
  )
  return found.length === 0 ? null : found.reduce((sum, { value }) => sum + value, 0)
}

/** The sums of a metric's series by a name that is made of their labels. */
export function sumsBy(
  page: readonly Series[],
  metric: string,
  nameOf: (labels: Series['labels']) => string,
): Map<string, number> {
  const sums = new Map<string, number>()
  for (const { labels, value } of page.filter(one => one.metric === metric)) {
    const name = nameOf(labels)
    sums.set(name, (sums.get(name) ?? 0) + value)
  }
  return sums
}

/** By how much each of the later sums has grown. */
export function growthOf(
  before: ReadonlyMap<string, number>,
  after: ReadonlyMap<string, number>,
): Map<string, number> {
  return new Map([...after].map(([name, value]) => [name, value - (before.get(name) ?? 0)]))
}

/** Fetches metrics pages at the same time; a page that does not answer reads as empty. */
export async function readPages(metricsUrls: readonly string[]): Promise<MetricsReading> {
  const atMs = performance.now()
  const texts = await Promise.all(metricsUrls.map(url => readMetrics(url)))
  return { atMs, pages: texts.map(text => text ?? '') }
}

/** The metrics pages of all workers, asked for at one instant. */
export interface MetricsReading {
  readonly atMs: number
  readonly pages: readonly string[]
}

/** Fetches a metrics page; null where nothing answers within the timeout. */
export async function readMetrics(metricsUrl: string, timeoutMs = 2000): Promise<string | null> {
  try {
    const response = await fetch(metricsUrl, { signal: AbortSignal.timeout(timeoutMs) })
    return response.ok ? await response.text() : null
  } catch {
    return null
  }
}

/**
 * The metrics pages of a service: its own and, where it runs several workers, theirs, found through
 * `/targets` (the Prometheus HTTP service-discovery form: `[{targets: ["host:port"]}]`).
 */
export async function metricsUrls(adminUrl: string): Promise<string[]> {
  const own = new URL('/metrics', adminUrl).href
  try {
    const response = await fetch(new URL('/targets', adminUrl), { signal: AbortSignal.timeout(2000) })
    const groups: unknown = response.ok ? await response.json() : []
    const hosts = Array.isArray(groups) ? groups.flatMap(group => targetsOf(group)) : []
    return [...new Set([own, ...hosts.map(host => `http://${host}/metrics`)])]
  } catch {
    return [own]
  }
}

function targetsOf(group: unknown): string[] {
  if (typeof group !== 'object' || group === null || !('targets' in group)) return []
  return Array.isArray(group.targets) ? group.targets.filter(target => typeof target === 'string') : []
}

/** Seconds the event loop of each worker has spent since it began; one entry a metrics page that tells. */
function eventLoopTimes({ pages }: MetricsReading) {
  return pages.map(parsePage).flatMap(page => {
    const timeIn = (state: string) =>
      sumOf(page, 'nodejs_eventloop_time_seconds_total', { nodejs_eventloop_state: state })
    const [activeS, idleS] = [timeIn('active'), timeIn('idle')]
    return activeS === null || idleS === null ? [] : [{ activeS, idleS }]
  })
}

const tolerated = 0.2

/**
 * Event-loop utilisation of the busiest worker between two readings, 0 … 1.
 *
 * null where no page has the counter, and where the counters moved by more than a fifth more or less than
 * the clock did: then the service refreshes them too seldom for this window, and the share would belong to
 * another one.
 */
export function eventLoopUtilisation(before: MetricsReading, after: MetricsReading): number | null {
  const elapsedS = (after.atMs - before.atMs) / 1000
  const earlier = eventLoopTimes(before)
  const shares = eventLoopTimes(after).map((worker, index) => {
    const activeS = worker.activeS - (earlier[index]?.activeS ?? Number.NaN)
    const countedS = activeS + worker.idleS - (earlier[index]?.idleS ?? Number.NaN)
    return Math.abs(countedS / elapsedS - 1) <= tolerated ? activeS / countedS : null
  })
  const known = shares.filter(share => share !== null)
  return known.length === 0 || known.length < shares.length ? null : Math.max(...known)
}
