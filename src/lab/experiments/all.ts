import { accept } from './accept.ts'
import { accessLog } from './access-log.ts'
import { batchLinger } from './batch-linger.ts'
import { batchStatement } from './batch-statement.ts'
import { blockingCalls } from './blocking-calls.ts'
import { capacity } from './capacity.ts'
import { ceiling } from './ceiling.ts'
import { connections } from './connections.ts'
import { cpuLimit } from './cpu-limit.ts'
import { durability } from './durability.ts'
import type { Experiment } from './experiment.ts'
import { insertCost } from './insert-cost.ts'
import { loadGenerator } from './load-generator.ts'
import { networkPath } from './network-path.ts'
import { observabilityPrice } from './observability-price.ts'
import { peersCompared } from './peers.ts'
import { ping } from './ping.ts'
import { rowsPerRequest } from './rows-per-request.ts'
import { scraping } from './scraping.ts'
import { strategiesCompared } from './strategies.ts'
import { tenThousand } from './ten-thousand.ts'
import { workers } from './workers.ts'

/** Every experiment, in the order in which `list` shows them. */
export const experiments: readonly Experiment[] = [
  ping,
  accessLog,
  loadGenerator,
  insertCost,
  strategiesCompared,
  rowsPerRequest,
  ceiling,
  tenThousand,
  connections,
  workers,
  cpuLimit,
  durability,
  observabilityPrice,
  peersCompared,
  blockingCalls,
  networkPath,
  scraping,
  batchStatement,
  batchLinger,
  accept,
  capacity,
]

/** These run by name only. */
const apart: ReadonlySet<Experiment> = new Set([
  // How the service should be built, not what an insert costs or what limits it.
  ...[scraping, batchStatement, batchLinger, accept],
  // They install other languages' packages, or pull an image, which a run of everything should not do.
  ...[peersCompared, blockingCalls, networkPath],
  // Most of an hour by itself, because a few percent can only be read once V8 has compiled all there is.
  observabilityPrice,
])

/** What `--full` runs: every finding of the source reports, in under an hour. */
export const full: readonly Experiment[] = experiments.filter(one => !apart.has(one))

/** A first figure at once: a ping from few clients and from many, without the sweep between them. */
const pingInTour: Experiment = {
  ...ping,
  confirms: false,
  timing: { ...ping.timing, breakInS: 3 },
  steps: ping.steps.filter(({ load }) => load.mode === 'closed' && [8, 64].includes(load.connections)),
}

/** What a bare `npm run lab` runs: the most telling, in under five minutes also where processes start slowly. */
export const tour: readonly Experiment[] = [pingInTour, insertCost]
