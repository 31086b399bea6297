import { percent, shareSpread } from '../wording.ts'
import { type Case, middle } from './case.ts'
import { confidenceOf, type SuspectedLimit } from './suspected-limit.ts'

/** From this share of the thread's time garbage collection is the limit. */
const gcTolerated = 0.25
/** Near the heap's limit V8 collects more often and frees less. */
const heapNearlyFull = 0.85
const gcNoticed = 0.1
const pressureTolerated = 0.1

/** Too little memory: the collector or the kernel spends the time. */
export function memory(one: Case): SuspectedLimit | null {
  const { runtime, pressure } = one.sample
  const [gc, heap, waits] = [middle(runtime?.gcShare), middle(runtime?.heapShare), middle(pressure?.memory)]
  const collects = gc !== null && gc >= gcTolerated
  const isNearLimit = heap !== null && heap >= heapNearlyFull && gc !== null && gc >= gcNoticed
  const swaps = waits !== null && waits >= pressureTolerated
  if (!collects && !isNearLimit && !swaps) return null
  return {
    limit: 'memory',
    confidence: confidenceOf(collects, isNearLimit, swaps),
    sentence: `Memory is the limit: ${swaps ? 'the machine has too little of it' : `the service spends ${percent(gc ?? 0)} of its time collecting garbage`}. It answered ${one.rateAtLeast}.`,
    evidence: [
      runtime?.gcShare != null &&
        `garbage collection stops the thread ${shareSpread(runtime.gcShare)} of the time`,
      heap !== null && `the heap is ${percent(heap)} of its limit`,
      pressure?.memory != null && `processes wait for memory ${shareSpread(pressure.memory)} of the time`,
    ].filter(line => line !== false),
    next: 'Give the service more memory (--max-old-space-size, the container’s limit), or find with a heap snapshot what it keeps.',
  }
}
