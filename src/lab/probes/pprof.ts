/**
 * Asks a Go process for a profile of its CPU.
 *
 * @returns the profile as it came, compressed; null where none is to be had
 */
export async function recordGo(
  adminUrl: string,
  seconds: number,
  signal: AbortSignal,
): Promise<Uint8Array | null> {
  const url = new URL(`/debug/pprof/profile?seconds=${seconds}`, adminUrl)
  const patience = AbortSignal.timeout(3000 * seconds)
  try {
    const response = await fetch(url, { signal: AbortSignal.any([signal, patience]) })
    return response.ok ? new Uint8Array(await response.arrayBuffer()) : null
  } catch {
    return null
  }
}
