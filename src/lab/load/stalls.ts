const periodMs = 10

/**
 * Watches for moments in which this process was due to run and did not: stopped, throttled by a quota, or
 * waiting for a core. A timer that comes late because the process was busy is told apart by its CPU.
 *
 * @returns the time lost so since the start, ms
 */
export function watchStalls(): () => number {
  let lostMs = 0
  let lastMs = performance.now()
  let lastCpu = process.cpuUsage()
  setInterval(() => {
    const nowMs = performance.now()
    const { user, system } = process.cpuUsage(lastCpu)
    lostMs += Math.max(0, nowMs - lastMs - periodMs - (user + system) / 1000)
    lastMs = nowMs
    lastCpu = process.cpuUsage()
  }, periodMs).unref()
  return () => lostMs
}
