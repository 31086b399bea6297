const warned = new Set<string>()

/** What goes wrong in the ledger is one line on standard error, once; the application goes on. */
export function warn(message: string): void {
  if (warned.has(message)) return
  warned.add(message)
  process.stderr.write(`cpu-ledger: ${message}\n`)
}
