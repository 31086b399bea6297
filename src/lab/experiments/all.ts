import { accessLog } from './access-log.ts'
import { blockingCalls } from './blocking-calls.ts'
import { capacity } from './capacity.ts'
import { connections } from './connections.ts'
import { cpuLimit } from './cpu-limit.ts'
import { durability } from './durability.ts'
import type { Experiment } from './experiment.ts'
import { insertCost } from './insert-cost.ts'
import { ledgerPrice } from './ledger-price.ts'
import { loadGenerator } from './load-generator.ts'
import { networkPath } from './network-path.ts'
import { observabilityPrice } from './observability-price.ts'
import { peersCompared } from './peers.ts'
import { ping } from './ping.ts'
import { rowsPerRequest } from './rows-per-request.ts'
import { tenThousand } from './ten-thousand.ts'
import { workers } from './workers.ts'

/** Every experiment, in the order in which `list` shows them. */
export const experiments: readonly Experiment[] = [
  ping,
  accessLog,
  loadGenerator,
  insertCost,
  rowsPerRequest,
  tenThousand,
  connections,
  workers,
  cpuLimit,
  durability,
  observabilityPrice,
  ledgerPrice,
  peersCompared,
  blockingCalls,
  networkPath,
  capacity,
]

/** These run by name only. */
const apart: ReadonlySet<Experiment> = new Set([
  // They install other languages' packages, or pull an image, which a run of everything should not do.
  ...[peersCompared, blockingCalls, networkPath],
  // Half an hour together: a difference of a few percent takes many pairs of windows.
  ...[observabilityPrice, ledgerPrice],
])

/** What `--full` runs: every finding of the source reports, in under an hour. */
export const full: readonly Experiment[] = experiments.filter(one => !apart.has(one))

/** A first figure at once: a ping from few clients and from many, without the sweep between them. */
const pingInTour: Experiment = {
  ...ping,
  confirms: false,
  timing: { ...ping.timing, processWarmupS: 3 },
  steps: ping.steps.filter(({ load }) => load.mode === 'closed' && [8, 64].includes(load.connections)),
}

/** The README says so too, and a test compares them with the estimate of the tour. */
export const tourMinutes = 5

/** What a bare `npm run lab` runs: the most telling, in less than `tourMinutes`. */
export const tour: readonly Experiment[] = [pingInTour, insertCost]
