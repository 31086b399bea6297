import { parse } from 'csv-parse/sync'
import { ascending, type StatedResult } from './stated-result.ts'

type Row = Readonly<Record<string, string>>

/**
 * Reads the `_stats.csv` of Locust, and its `_stats_history.csv` for the number of users and the length of the test;
 * null where the text is something else.
 */
export function readLocustStats(text: string, history: string | null): StatedResult | null {
  if (!/^\W*Type\W+Name\W+Request Count\W/.test(text)) return null
  const rows = rowsOf(text)
  const row = rows.find(({ Name }) => Name === 'Aggregated') ?? (rows.length === 1 ? rows[0] : undefined)
  const value = (column: string) => numberIn(row, column)
  const [requests, ratePerS] = [value('Request Count'), value('Requests/s')]
  if (row === undefined || requests === null || ratePerS === null) return null
  return {
    generator: 'Locust',
    requestsPerUser: 1,
    loop: 'unknown',
    // It may have had worker processes, also on other machines.
    threads: null,
    ...(history === null ? { users: null, durationS: null } : courseOf(history)),
    requests,
    ratePerS,
    failed: value('Failure Count') ?? 0,
    unanswered: 0,
    failedChecks: null,
    dropped: 0,
    iterations: null,
    latencyMs: {
      mean: value('Average Response Time'),
      min: value('Min Response Time'),
      max: value('Max Response Time'),
      deviation: null,
      percentiles: percentilesIn(row),
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

function percentilesIn(row: Row) {
  const stated = Object.keys(row).flatMap(column => {
    const percent = /^([\d.]+)%$/.exec(column)?.[1]
    const ms = numberIn(row, column)
    return percent === undefined || ms === null ? [] : [{ share: Number(percent) / 100, ms }]
  })
  return ascending(stated)
}

function rowsOf(csv: string): Row[] {
  return parse(csv, { columns: true, bom: true, skip_empty_lines: true, relax_column_count: true })
}

/** Locust writes `N/A` where it has no value. */
function numberIn(row: Row | undefined, column: string): number | null {
  const text = row?.[column]?.trim() ?? ''
  const value = Number(text)
  return text === '' || Number.isNaN(value) ? null : value
}
