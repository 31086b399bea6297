import type { Readable } from 'node:stream'
import type { Telemetry } from '../../telemetry/old-store-shims.ts'
import { copyLines } from './bulk.ts'
import type { Connections } from './connections.ts'
import type { GroupCommit } from './group-commit.ts'
import { createBatched } from './inserts/batched.ts'
import { createCopy } from './inserts/copy.ts'
import type { Inserted, InsertStrategy, InsertStrategyName } from './inserts/insert-strategy.ts'
import type { Pipelined } from './inserts/pipelined.ts'
import { createPrepared } from './inserts/prepared.ts'
import { createSingle } from './inserts/single.ts'

/** The table `simple_text`: rows go in by whichever strategy is asked for. */
export class Texts {
  readonly defaultStrategy: InsertStrategyName
  readonly #strategies: Readonly<Record<InsertStrategyName, InsertStrategy>>
  readonly #connections: Connections
  readonly #telemetry: Telemetry
  readonly #stallLimitMs: number

  constructor(options: {
    connections: Connections
    group: GroupCommit
    pipelined: Pipelined
    telemetry: Telemetry
    defaultStrategy: InsertStrategyName
    /** How long the sender of a stream may send nothing. */
    stallLimitMs: number
  }) {
    const { connections, group, telemetry } = options
    this.defaultStrategy = options.defaultStrategy
    this.#connections = connections
    this.#telemetry = telemetry
    this.#stallLimitMs = options.stallLimitMs
    this.#strategies = {
      batched: createBatched(group),
      single: createSingle(connections),
      prepared: createPrepared(connections),
      pipelined: options.pipelined,
      copy: createCopy(connections),
    }
  }

  /** All of the texts are stored, durably, before `inserted` is called without an error; else none is. */
  insert(
    texts: readonly string[],
    inserted: Inserted,
    options: { strategy?: InsertStrategyName | undefined; isCancelled?: () => boolean } = {},
  ): void {
    const name = options.strategy ?? this.defaultStrategy
    const { scope, metrics } = this.#telemetry
    if (scope !== null) scope.insertStrategy = name
    this.#strategies[name].insert(
      texts,
      (error, ids) => {
        if (error === null && metrics !== null) metrics.insertRows.series(name).inc(ids.length)
        inserted(error, ids)
      },
      options.isCancelled,
    )
  }

  /** Stores a stream of NDJSON; see {@link copyLines}. */
  copyLines(lines: Readable): Promise<number> {
    return copyLines(this.#connections, lines, { stallLimitMs: this.#stallLimitMs })
  }
}
