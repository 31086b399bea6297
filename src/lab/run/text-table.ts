/** Rows of cells in columns: the first `wordColumns` are aligned left, the others (figures) right. */
export function textTable(rows: readonly (readonly string[])[], wordColumns: number): string[] {
  const columns = Math.max(0, ...rows.map(row => row.length))
  const widths = Array.from({ length: columns }, (_, column) =>
    Math.max(...rows.map(row => row[column]?.length ?? 0)),
  )
  const aligned = (cell: string, column: number) =>
    column < wordColumns ? cell.padEnd(widths[column] ?? 0) : cell.padStart(widths[column] ?? 0)
  return rows.map(row => row.map(aligned).join('  ').trimEnd())
}
