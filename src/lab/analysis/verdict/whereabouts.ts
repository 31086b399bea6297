import type { Sample } from '../../results.ts'
import { number } from '../wording.ts'
import { middle } from './case.ts'
import { sessionWork } from './sessions.ts'

/** Where the requests were that had arrived at the service, as means over the window. */
export interface Placement {
  readonly service: number
  readonly poolQueue: number
  readonly database: number
  readonly batchQueue: number
  /** On the JavaScript threads, or nowhere that the service's metrics know: it waits for something else. */
  readonly elsewhere: number
}

/** More sessions at work than the service has statements on their way: it sends some that it does not count. */
const uncountedFrom = 1

/** null where the service's metrics leave a gap: then nothing can be said of the rest. */
export function placementOf(sample: Sample): Placement | null {
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

/** Whether most requests were with PostgreSQL or in line for it; null where that is not known. */
export function isWithDatabase(sample: Sample): boolean | null {
  const placement = placementOf(sample)
  if (placement === null) return null
  const { service, poolQueue, database, batchQueue } = placement
  return poolQueue + database + batchQueue >= service / 2
}

export function describePlacement({
  service,
  poolQueue,
  database,
  batchQueue,
  elsewhere,
}: Placement): string {
  const places = [
    `${number(poolQueue)} in line for a connection`,
    `${number(database)} with PostgreSQL`,
    ...(batchQueue > 0 ? [`${number(batchQueue)} in line for a batch`] : []),
    `${number(elsewhere)} elsewhere`,
  ]
  return `of ${number(service)} requests in the service at any moment, ${places.join(', ')}`
}
