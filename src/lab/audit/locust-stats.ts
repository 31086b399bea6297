import { parse } from 'csv-parse/sync'
import { numberIn, percentilesIn, type StatedResult, unstated, type Values } from './stated-result.ts'

/**
 * Reads the `_stats.csv` of Locust, and its `_stats_history.csv` for the number of users and the length of the test;
 * null where the text is something else.
 */
export function readLocustStats(text: string, history: string | null): StatedResult | null {
  if (!/^\W*Type\W+Name\W+Request Count\W/.test(text)) return null
  const rows = rowsOf(text)
  const row = rows.find(({ Name }) => Name === 'Aggregated') ?? (rows.length === 1 ? rows[0] : undefined)
  if (row === undefined) return null
  const value = (column: string) => numberIn(row, column)
  const [requests, ratePerS] = [value('Request Count'), value('Requests/s')]
  if (requests === null || ratePerS === null) return null
  return {
    // It may have had worker processes, also on other machines, so `threads` stays unknown.
    ...unstated,
    generator: 'Locust',
    ...(history !== null && courseOf(history)),
    requests,
    ratePerS,
    failed: value('Failure Count') ?? 0,
    latencyMs: {
      mean: value('Average Response Time'),
      min: value('Min Response Time'),
      max: value('Max Response Time'),
      deviation: null,
      percentiles: percentilesIn(row, /^([\d.]+)%$/),
      // Locust counts response times in groups of two significant digits.
      rounding: { ms: 1, share: 0.05 },
      addsUnsent: 'no',
    },
  }
}

function courseOf(history: string): Pick<StatedResult, 'users' | 'durationS'> {
  const rows = rowsOf(history).filter(({ Name }) => Name === 'Aggregated')
  const users = rows.flatMap(row => numberIn(row, 'User Count') ?? [])
  const times = rows.flatMap(row => numberIn(row, 'Timestamp') ?? [])
  return {
    users: users.length === 0 ? null : Math.max(...users),
    durationS: times.length < 2 ? null : Math.max(...times) - Math.min(...times),
  }
}

/** Locust writes `N/A` where it has no value, which stays a text. */
function rowsOf(csv: string): Values[] {
  return parse(csv, {
    columns: true,
    bom: true,
    cast: true,
    skip_empty_lines: true,
    relax_column_count: true,
  })
}
