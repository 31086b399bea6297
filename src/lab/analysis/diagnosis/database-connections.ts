import { number, percent } from '../wording.ts'
import { type Case, middle } from './case.ts'
import { describeFailures, errorsTolerated } from './failing.ts'
import { confidenceOf, type SuspectedLimit } from './suspected-limit.ts'

/** `superuser_reserved_connections` at its default, and the probe's own session. */
const keptFromClients = 4

/** PostgreSQL takes no more sessions (SQLSTATE 53300), and requests fail for it. */
export function databaseConnections({ sample }: Case): SuspectedLimit | null {
  const { errors, failures, postgres } = sample
  const [peak, most] = [middle(postgres?.peakSessions), middle(postgres?.maxConnections)]
  if (peak === null || most === null || peak < most - keptFromClients) return null
  if (errors.ratio.median <= errorsTolerated) return null
  const unavailable = failures?.['503'] ?? failures?.['500']
  return {
    limit: 'database-connections',
    confidence: confidenceOf(true, unavailable !== undefined),
    sentence: `PostgreSQL ran out of connections: it allows ${number(most)}, and the service asked for more. ${percent(errors.ratio.median)} of the requests failed.`,
    evidence: [
      `${number(peak)} client sessions at most, max_connections is ${number(most)}`,
      `${percent(errors.ratio.median)} of the requests failed${describeFailures(failures)}`,
    ],
    next: 'Let requests share a pool (CONNECTION_MODE=pool) whose size, times all processes, stays under max_connections; or put PgBouncer between them.',
  }
}
