import { currentRequest } from '../ledger/index.ts'

/** A request's URL without its query, because the query is the user's data and must not be logged. */
export function pathOf(url: string): string {
  return url.split('?', 1)[0] ?? url
}

/** Records how the running request stores its rows. This becomes a label of its CPU. */
export function noteInsertStrategy(name: string): void {
  const request = currentRequest()
  if (request !== undefined) request.attributes['insert_strategy'] = name
}
