const warned = new Set<string>()

/** Writes an error of the ledger to standard error, each message once. The application continues. */
export function warn(message: string): void {
  if (warned.has(message)) return
  warned.add(message)
  process.stderr.write(`cpu-ledger: ${message}\n`)
}
