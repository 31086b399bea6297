/**
 * A strict reader of OpenMetrics text (openmetrics.io, 1.0): it throws at what a lenient scraper would let
 * pass, so that a page which it takes is one that any scraper takes.
 */
export type Labels = Readonly<Record<string, string>>

export interface Sample {
  name: string
  labels: Labels
  value: number
  exemplar: { labels: Labels; value: number; timestampS: number | null } | null
}

export interface Family {
  name: string
  type: string
  samples: Sample[]
}

const suffixes: Readonly<Record<string, readonly string[]>> = {
  counter: ['_total', '_created'],
  gauge: [''],
  histogram: ['_bucket', '_sum', '_count', '_created'],
}

const name = '[a-zA-Z_:][a-zA-Z0-9_:]*'
const labelSet = String.raw`\{(?:${name}="(?:[^"\\\n]|\\["\\n])*"(?:,(?!\})|(?=\})))*\}`
const number = String.raw`[+-]?(?:\d+(?:\.\d*)?(?:e[+-]?\d+)?|Inf)|NaN`
const sampleLine = new RegExp(
  `^(${name})(${labelSet})? (${number})(?: # (${labelSet}) (${number})(?: (${number}))?)?$`,
)
const typeLine = new RegExp(`^# TYPE (${name}) (counter|gauge|histogram)$`)
const helpLine = new RegExp(`^# HELP (${name}) \\S.*$`)
const unitLine = new RegExp(`^# UNIT (${name}) ([a-z]+)$`)

/**
 * @returns the families by name.
 * @throws naming the line that breaks the format, or the series that breaks a rule of its type.
 */
export function parseOpenMetrics(page: string): Map<string, Family> {
  if (!page.endsWith('\n# EOF\n')) throw new Error('the page does not end with # EOF')
  const families = new Map<string, Family>()
  const helped = new Set<string>()
  let family: Family | undefined
  for (const line of page.slice(0, -'# EOF\n'.length).split('\n').slice(0, -1)) {
    const help = helpLine.exec(line)?.[1]
    const [, typed, type] = typeLine.exec(line) ?? []
    const [, measured, unit] = unitLine.exec(line) ?? []
    const sample = sampleLine.exec(line)
    if (help !== undefined) {
      if (helped.has(help)) throw new Error(`a second HELP: ${line}`)
      helped.add(help)
    } else if (typed !== undefined && type !== undefined) {
      if (families.has(typed)) throw new Error(`a second TYPE: ${line}`)
      family = { name: typed, type, samples: [] }
      families.set(typed, family)
    } else if (measured !== undefined) {
      if (!measured.endsWith(`_${unit}`)) throw new Error(`the name does not end with its unit: ${line}`)
    } else if (sample !== null) {
      if (family === undefined || !belongs(sample[1] ?? '', family)) throw new Error(`no family for: ${line}`)
      family.samples.push(toSample(sample))
    } else {
      throw new Error(`not OpenMetrics: ${line}`)
    }
  }
  for (const each of families.values()) {
    if (!helped.has(each.name)) throw new Error(`no HELP of ${each.name}`)
    check(each)
  }
  return families
}

function belongs(sampleName: string, { name: familyName, type }: Family): boolean {
  return (suffixes[type] ?? []).some(suffix => sampleName === familyName + suffix)
}

function toSample([
  ,
  sampleName = '',
  labels,
  value,
  exemplarLabels,
  exemplarValue,
  timestamp,
]: RegExpExecArray): Sample {
  return {
    name: sampleName,
    labels: toLabels(labels),
    value: toNumber(value),
    exemplar:
      exemplarLabels === undefined
        ? null
        : {
            labels: toLabels(exemplarLabels),
            value: toNumber(exemplarValue),
            timestampS: timestamp === undefined ? null : toNumber(timestamp),
          },
  }
}

function toNumber(text = ''): number {
  return Number(text.replace('Inf', 'Infinity'))
}

function toLabels(text = '{}'): Labels {
  const labels: Record<string, string> = {}
  for (const [, key = '', value = ''] of text.matchAll(/([a-zA-Z_:][\w:]*)="((?:[^"\\]|\\.)*)"/g)) {
    if (key in labels) throw new Error(`the label ${key} comes twice: ${text}`)
    labels[key] = value.replace(/\\(.)/g, (_, escaped: string) => (escaped === 'n' ? '\n' : escaped))
  }
  return labels
}

function check({ name: familyName, type, samples }: Family): void {
  const seen = new Set<string>()
  for (const { name: sampleName, labels, value, exemplar } of samples) {
    const key = sampleName + seriesKey(labels)
    if (seen.has(key)) throw new Error(`a second sample of ${key}`)
    seen.add(key)
    if (type === 'counter' && !(value >= 0)) throw new Error(`the counter ${key} is ${value}`)
    if (exemplar !== null && !sampleName.endsWith('_bucket')) throw new Error(`an exemplar at ${key}`)
  }
  if (type === 'histogram') checkHistogram(familyName, samples)
}

function checkHistogram(familyName: string, samples: readonly Sample[]): void {
  const groups = Map.groupBy(samples, ({ labels: { le: _, ...labels } }) => seriesKey(labels))
  for (const [key, group] of groups) {
    const of = (suffix: string) => group.filter(sample => sample.name === familyName + suffix)
    const buckets = of('_bucket')
    const last = buckets.at(-1)
    let lower = { le: Number.NEGATIVE_INFINITY, count: 0 }
    for (const { labels, value, exemplar } of buckets) {
      const le = toNumber(labels['le'])
      if (!(le > lower.le)) throw new Error(`buckets of ${familyName}${key} are not in order at ${le}`)
      if (value < lower.count) throw new Error(`buckets of ${familyName}${key} shrink at ${le}`)
      if (exemplar !== null && !(exemplar.value > lower.le && exemplar.value <= le)) {
        throw new Error(`the exemplar of ${familyName}${key} at ${le} is ${exemplar.value}`)
      }
      lower = { le, count: value }
    }
    if (last?.labels['le'] !== '+Inf') throw new Error(`${familyName}${key} has no +Inf`)
    const [count, sum] = [of('_count'), of('_sum')]
    if (count.length !== 1 || sum.length !== 1) throw new Error(`${familyName}${key} lacks a count or a sum`)
    if (count[0]?.value !== last.value) throw new Error(`${familyName}${key}: count is not the last bucket`)
  }
}

function seriesKey(labels: Labels): string {
  return JSON.stringify(Object.entries(labels).sort(([a], [b]) => (a < b ? -1 : 1)))
}

/** Fetches and reads a metrics page. */
export async function scrape(adminUrl: string): Promise<Map<string, Family>> {
  const response = await fetch(`${adminUrl}/metrics`)
  if (!response.ok) throw new Error(`/metrics answered ${response.status}`)
  return parseOpenMetrics(await response.text())
}

/** The samples called `sampleName` (with its suffix) whose labels include `labels`. */
export function samplesOf(page: Map<string, Family>, sampleName: string, labels: Labels = {}): Sample[] {
  const family =
    page.get(sampleName) ?? page.get(sampleName.replace(/_(total|created|bucket|sum|count)$/, ''))
  return (family?.samples ?? []).filter(
    sample =>
      sample.name === sampleName &&
      Object.entries(labels).every(([key, value]) => sample.labels[key] === value),
  )
}

/** Their sum; 0 where there is none. */
export function sumOf(page: Map<string, Family>, sampleName: string, labels: Labels = {}): number {
  return samplesOf(page, sampleName, labels).reduce((sum, { value }) => sum + value, 0)
}
