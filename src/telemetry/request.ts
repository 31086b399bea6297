import { currentRequest } from '../ledger/index.ts'

/** A request's URL without its query, which is the user's data and belongs in no log. */
export function pathOf(url: string): string {
  return url.split('?', 1)[0] ?? url
}

/** Notes how the running request stores its rows: a label of its CPU. */
export function noteInsertStrategy(name: string): void {
  const request = currentRequest()
  if (request !== undefined) request.attributes['insert_strategy'] = name
}
