import { currentRequest } from '../ledger/index.ts'

/** Notes how the running request stores its rows: a label of its CPU. */
export function noteInsertStrategy(name: string): void {
  const request = currentRequest()
  if (request !== undefined) request.attributes['insert_strategy'] = name
}
