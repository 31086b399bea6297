import type { Sample } from '../../results.ts'
import { number } from '../wording.ts'
import { middle } from './case.ts'
import { sessionWork } from './sessions.ts'

/** Where the requests were that had arrived at the service, as means over the window. */
export interface Locations {
  readonly service: number
  readonly poolQueue: number
  readonly database: number
  readonly batchQueue: number
  /** On the JavaScript threads, or nowhere that the service's metrics know: it waits for something else. */
  readonly elsewhere: number
}

/** More active sessions than statements that the service counts: it sends some that it does not count. */
const uncountedFrom = 1

/** null where the service's metrics do not cover all places. */
export function locationsOf(sample: Sample): Locations | null {
  const { whereabouts } = sample
  const service = middle(whereabouts?.service)
  const poolQueue = middle(whereabouts?.poolQueue)
  const database = middle(whereabouts?.database)
  if (service === null || poolQueue === null || database === null) return null
  if ((sessionWork(sample)?.active ?? 0) >= database + uncountedFrom) return null
  const batchQueue = middle(whereabouts?.batchQueue) ?? 0
  const elsewhere = Math.max(0, service - poolQueue - database - batchQueue)
  return { service, poolQueue, database, batchQueue, elsewhere }
}

/** Whether it is known that most requests were in PostgreSQL or waited for it. */
export function isWithDatabase(sample: Sample): boolean {
  const locations = locationsOf(sample)
  if (locations === null) return false
  const { service, poolQueue, database, batchQueue } = locations
  return poolQueue + database + batchQueue >= service / 2
}

export function describeLocations(at: Locations): string {
  return [
    `of ${number(at.service)} requests in the service at any moment`,
    `${number(at.poolQueue)} wait for a connection`,
    `${number(at.database)} are in PostgreSQL`,
    at.batchQueue > 0 && `${number(at.batchQueue)} wait for a batch`,
    `${number(at.elsewhere)} are elsewhere`,
  ]
    .filter(place => place !== false)
    .join(', ')
}
