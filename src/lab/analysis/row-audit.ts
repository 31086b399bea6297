import type { RowAudit } from '../results.ts'

/** Whether nothing that was answered for is missing, and nothing is there that was not. */
export function isComplete({ windowRows, windowFound, ...exact }: RowAudit): boolean {
  return windowFound >= windowRows && exact.exactFound === exact.exactRows && exact.idsFound === exact.ids
}

/** The audits of two repeats as one. */
export function sumOfAudits(a: RowAudit, b: RowAudit): RowAudit {
  return {
    windowRows: a.windowRows + b.windowRows,
    windowFound: a.windowFound + b.windowFound,
    exactRows: a.exactRows + b.exactRows,
    exactFound: a.exactFound + b.exactFound,
    ids: a.ids + b.ids,
    idsFound: a.idsFound + b.idsFound,
  }
}
