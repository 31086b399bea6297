/** The terminal and npm both send SIGINT at Ctrl-C, so one press arrives twice within milliseconds. */
const samePressMs = 500

/**
 * The first SIGINT or SIGTERM aborts the returned signal, so that everything can be stopped in order. A
 * second one, later, ends this process at once; the janitor then cleans up.
 */
export function interruption(): AbortSignal {
  const controller = new AbortController()
  let firstAtMs: number | undefined
  const interrupt = (signal: NodeJS.Signals) => {
    firstAtMs ??= performance.now()
    if (performance.now() - firstAtMs > samePressMs) {
      process.removeListener(signal, interrupt)
      process.kill(process.pid, signal)
    }
    controller.abort(signal)
  }
  process.on('SIGINT', interrupt).on('SIGTERM', interrupt)
  return controller.signal
}
