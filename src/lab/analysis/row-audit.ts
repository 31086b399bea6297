import type { RowAudit } from '../results.ts'

/** Rows and ids that were answered for and are not in the table. */
export function missingRows({ windowRows, windowFound, ...exact }: RowAudit): number {
  return (
    Math.max(0, windowRows - windowFound) +
    Math.max(0, exact.exactRows - exact.exactFound) +
    (exact.ids - exact.idsFound)
  )
}

/** Rows that came while nothing but answered requests was on its way. */
export function extraRows({ exactRows, exactFound }: RowAudit): number {
  return Math.max(0, exactFound - exactRows)
}

/** Whether nothing that was answered for is missing, and nothing is there that was not. */
export function isComplete(audit: RowAudit): boolean {
  return missingRows(audit) === 0 && extraRows(audit) === 0
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
