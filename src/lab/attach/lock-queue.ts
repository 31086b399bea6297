import { lockQueue } from '../analysis/diagnosis/database-locks.ts'
import { number, spread } from '../analysis/wording.ts'
import type { Diagnosis, Sample } from '../results.ts'

/** More clients brought no more answers: the rates of two steps are this close. */
const sameRate = 1.15

/**
 * Sessions that wait for locks under the most clients of a closed sweep, who got no more answers than fewer clients
 * did. The sample with the highest rate may have only two clients, and then hardly any session waits.
 */
export function locksUnderLoad(
  sweep: readonly Sample[],
): (Pick<Diagnosis, 'sentence' | 'next'> & { limit: 'database-locks'; evidence: string[] }) | null {
  const [most, ...fewer] = sweep.toSorted((a, b) => (b.load.connections ?? 0) - (a.load.connections ?? 0))
  const [best] = fewer.toSorted((a, b) => b.throughputPerS.median - a.throughputPerS.median)
  const queue = most === undefined ? null : lockQueue(most)
  if (most === undefined || queue === null || best === undefined) return null
  if (most.throughputPerS.median > best.throughputPerS.median * sameRate) return null
  return {
    limit: 'database-locks',
    sentence: `${queue.sentence}: ${number(most.throughputPerS.median)} requests/s, however many clients asked.`,
    evidence: [`${rateOf(best)}; ${rateOf(most)}: more clients only wait longer`, ...queue.evidence],
    next: queue.next,
  }
}

function rateOf({ load, throughputPerS }: Sample): string {
  return `${load.connections} connections: ${spread(throughputPerS, 'requests/s')}`
}
