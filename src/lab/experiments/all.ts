import { accept } from './accept.ts'
import { batchLanes } from './batch-lanes.ts'
import { batchStatement } from './batch-statement.ts'
import type { Experiment } from './experiment.ts'
import { insertCost } from './insert-cost.ts'
import { observabilityPrice } from './observability-price.ts'
import { peersCompared } from './peers.ts'
import { ping } from './ping.ts'
import { rowsPerRequest } from './rows-per-request.ts'
import { scraping } from './scraping.ts'
import { strategiesCompared } from './strategies.ts'
import { tenThousand } from './ten-thousand.ts'

/** Every experiment, in the order in which `list` shows them. */
export const experiments: readonly Experiment[] = [
  ping,
  insertCost,
  strategiesCompared,
  rowsPerRequest,
  tenThousand,
  observabilityPrice,
  peersCompared,
  scraping,
  batchStatement,
  batchLanes,
  accept,
]

/** What a bare `npm run lab` runs: the most telling ones, in under four minutes. */
export const tour: readonly Experiment[] = [ping, insertCost]
