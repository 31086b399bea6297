import { currentRequest } from '../ledger/index.ts'

/** Labels the CPU of the running request with its way of inserting. */
export function noteInsertStrategy(name: string): void {
  const request = currentRequest()
  if (request !== undefined) request.attributes['insert_strategy'] = name
}
