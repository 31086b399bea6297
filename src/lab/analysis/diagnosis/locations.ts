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

/** Whether most requests were in PostgreSQL or waited for it; null where that is not known. */
export function isWithDatabase(sample: Sample): boolean | null {
  const locations = locationsOf(sample)
  if (locations === null) return null
  const { service, poolQueue, database, batchQueue } = locations
  return poolQueue + database + batchQueue >= service / 2
}

export function describeLocations({
  service,
  poolQueue,
  database,
  batchQueue,
  elsewhere,
}: Locations): string {
  const places = [
    `${number(poolQueue)} wait for a connection`,
    `${number(database)} are in PostgreSQL`,
    ...(batchQueue > 0 ? [`${number(batchQueue)} wait for a batch`] : []),
    `${number(elsewhere)} are elsewhere`,
  ]
  return `of ${number(service)} requests in the service at any moment, ${places.join(', ')}`
}
