import type { Server } from 'node:http'
import type { CpuTotals } from './accounting.ts'
import { CpuLedger, type RequestEnd, type Share } from './cpu-ledger.ts'
import type { RequestAccount } from './requests.ts'

/**
 * The CPU ledger: what each HTTP request of this process cost in CPU, under any concurrency. There is one ledger per
 * thread, even if this package is loaded twice. Before `startLedger` the other functions do nothing.
 */

export type { CpuTotals, KnownBucket } from './accounting.ts'
export type { RequestEnd, Share } from './cpu-ledger.ts'
export type { RequestAccount } from './requests.ts'

/** Where another copy of this package finds the running ledger. The number is the version of the interface. */
const key = Symbol.for('@insertlab/cpu-ledger/1')
const thread = globalThis as { [key]?: CpuLedger }

/**
 * Starts the ledger of this thread. Does nothing if it is already running.
 * @throws if this version of Node lacks what the ledger needs.
 */
export function startLedger(): void {
  if (thread[key] !== undefined) return
  const ledger = new CpuLedger()
  ledger.start()
  thread[key] = ledger
}

/** Whether the ledger of this thread runs. */
export function isLedgerRunning(): boolean {
  return thread[key] !== undefined
}

/** The request that the running code works for; undefined if it works for none. */
export function currentRequest(): RequestAccount | undefined {
  return thread[key]?.currentRequest
}

/**
 * @param listener gets each request when its figures are final, some milliseconds after its response closed.
 * @returns a function that removes the listener.
 */
export function onRequestEnd(listener: RequestEnd): () => void {
  return thread[key]?.onRequestEnd(listener) ?? (() => {})
}

/** CPU since the process started, in seconds; undefined if the ledger does not run. */
export function totals(): CpuTotals | undefined {
  return thread[key]?.totals()
}

/**
 * Runs work that serves several requests at once, for example the insert of their rows in one statement. Its CPU, until
 * the promise that it returns is settled, is divided among the requests by weight.
 */
export function shared<T>(shares: readonly Share[], work: () => Promise<T>): Promise<T> {
  return thread[key]?.shared(shares, work) ?? work()
}

/** Runs `work` for the bucket of that name: its CPU, and that of all it starts, belongs to no request. */
export function inBucket<T>(bucket: string, work: () => T): T {
  const ledger = thread[key]
  return ledger === undefined ? work() : ledger.inBucket(bucket, work)
}

/** For a server whose requests are not the application's, for example an admin port: their CPU goes to the bucket. */
export function chargeServerTo(server: Server, bucket: string): void {
  thread[key]?.chargeServerTo(server, bucket)
}
