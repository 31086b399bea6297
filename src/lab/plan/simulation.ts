import { randomFrom } from '../analysis/random.ts'
import type { Costs } from './costs.ts'
import { Machine, sliceUs } from './machine.ts'

/** What is simulated: clients, API workers with one batch on its way each, PostgreSQL, and whose cores they use. */
export interface System {
  readonly costs: Costs
  readonly rowsPerRequest: number
  readonly workers: number
  /**
   * closed: so many clients, each waits for its answer, sent by one thread of a generator; open: requests arrive at
   * random (Poisson), and who sends them costs nothing here.
   */
  readonly load:
    | { readonly mode: 'closed'; readonly clients: number }
    | { readonly mode: 'open'; readonly ratePerS: number }
  /** Cores that all of it shares, as on one machine; null: every thread has one of its own. */
  readonly sharedCores: number | null
  /** Cores that programs outside the system take of those, in bursts of a slice; 0 where nothing is shared. */
  readonly othersCores: number
  readonly seconds: number
}

export interface Simulated {
  readonly throughputPerS: number
  readonly latencyMs: { readonly p50: number; readonly p95: number; readonly p99: number }
  readonly rowsPerBatch: number
}

const maxBatchRows = 1000
/** Before it, queues fill. */
const warmupShare = 0.2

/**
 * Discrete-event simulation of group commit, on threads that take turns on cores. A request takes CPU when it arrives
 * and when it is answered; the rows that wait when a batch has come back go out together. Garbage is collected in
 * stops. CPU of a piece of work is drawn from an exponential distribution around its measured mean, so that queues
 * form as they do.
 *
 * Small enough to read, which no simulation package of npm that is maintained would have made it.
 */
export function simulate(system: System): Simulated {
  const { costs, rowsPerRequest, workers: workerCount, load, sharedCores, othersCores, seconds } = system
  const { api, database, generatorUs, generatorBurstUs, garbageUs, garbageStopUs, pauseUs } = costs
  const requestUs = api.requestUs - garbageUs
  const random = randomFrom(1)
  const spread = (meanUs: number) => -Math.log(1 - random()) * meanUs
  /** What many pieces take together, which is far less uncertain than each of them. */
  const sum = (pieces: number, meanUs: number) => {
    let us = 0
    if (meanUs > 0) for (let i = 0; i < pieces; i++) us += spread(meanUs)
    return us
  }
  const machine = new Machine(sharedCores)
  const generator = machine.thread()
  const latenciesUs: number[] = []
  const endUs = seconds * 1e6
  const startUs = endUs * warmupShare
  let batches = 0
  let batchedRows = 0

  const half = (us: number) => spread(us / 2)
  const workers = Array.from({ length: workerCount }, () => {
    const thread = machine.thread()
    const backend = machine.thread()
    const waiting: (() => void)[] = []
    let busy = false

    const sendBatch = () => {
      const batch = waiting.splice(0, Math.max(1, Math.floor(maxBatchRows / rowsPerRequest)))
      const rows = batch.length * rowsPerRequest
      busy = batch.length > 0
      if (!busy) return
      if (machine.nowUs >= startUs) {
        batches += 1
        batchedRows += rows
      }
      const databaseUs =
        spread(database.batchUs) + sum(batch.length, database.requestUs) + sum(rows, database.rowUs)
      backend.work(databaseUs, () =>
        machine.after(spread(pauseUs), () =>
          thread.work(half(api.batchUs) + sum(rows, api.rowUs), () => {
            sendBatch()
            // Spans, metrics and going to sleep are done while PostgreSQL has the next one.
            thread.work(half(api.batchUs))
            if (load.mode === 'closed') generator.work(spread(generatorBurstUs))
            for (const answered of batch) thread.work(half(requestUs), answered)
          }),
        ),
      )
    }
    let uncollectedUs = 0
    const collect = () => {
      uncollectedUs += garbageUs
      if (garbageUs === 0 || uncollectedUs < garbageStopUs) return
      thread.work(uncollectedUs)
      uncollectedUs = 0
    }
    return (answered: () => void) =>
      thread.work(half(requestUs), () => {
        collect()
        waiting.push(answered)
        if (busy) return
        busy = true
        // At the end of the event loop's turn, with whatever else has arrived in it.
        thread.work(0, sendBatch)
      })
  })

  const request = (client: number, done: () => void) => {
    const sentUs = machine.nowUs
    workers[client % workerCount]?.(() => {
      const finish = () => {
        if (machine.nowUs >= startUs) latenciesUs.push(machine.nowUs - sentUs)
        done()
      }
      if (load.mode === 'open') finish()
      else generator.work(half(generatorUs), finish)
    })
  }
  if (load.mode === 'closed') {
    const again = (client: number) =>
      generator.work(half(generatorUs), () => request(client, () => again(client)))
    for (let client = 0; client < load.clients; client++) again(client)
  } else {
    const arrive = (client: number) =>
      machine.after(spread(1e6 / load.ratePerS), () => {
        request(client, () => {})
        arrive(client + 1)
      })
    arrive(0)
  }
  if (othersCores > 0) {
    const others = machine.thread()
    const rest = () =>
      machine.after(spread(Math.max(0, sliceUs / othersCores - sliceUs)), () =>
        others.work(spread(sliceUs), rest),
      )
    rest()
  }
  machine.runUntil(endUs)

  const sorted = latenciesUs.sort((a, b) => a - b)
  const at = (share: number) => (sorted[Math.floor(share * (sorted.length - 1))] ?? Number.NaN) / 1000
  return {
    throughputPerS: sorted.length / (seconds * (1 - warmupShare)),
    latencyMs: { p50: at(0.5), p95: at(0.95), p99: at(0.99) },
    rowsPerBatch: batches === 0 ? Number.NaN : batchedRows / batches,
  }
}
