/**
 * Whether the machine keeps its speed. A core that a neighbour shares (a hyperthread, a hypervisor's other
 * guest) or that was clocked down takes more CPU time for the same work, and no counter of the operating
 * system says so. On a busy virtual machine of two cores this work took up to 7 times as much CPU within a
 * second. Every figure of CPU per request moves with it.
 */
export interface SpeedWatch {
  /** Does a fixed piece of work, about 10 ms of it, and notes the CPU it took. Call it between loads. */
  sample(): void
  /** The slowest sample over the fastest; null before the second. 1.0 is a machine that keeps its speed. */
  spread(): number | null
  /** CPU that the work took in each sample so far, us. */
  takenUs(): readonly number[]
}

export function watchSpeed(): SpeedWatch {
  const takenUs: number[] = []
  // Twice before it counts: compiled code is many times faster than interpreted.
  fixedWorkUs()
  fixedWorkUs()
  return {
    sample: () => takenUs.push(Math.min(fixedWorkUs(), fixedWorkUs())),
    spread: () => (takenUs.length < 2 ? null : Math.max(...takenUs) / Math.min(...takenUs)),
    takenUs: () => takenUs,
  }
}

const rounds = 8_000_000

function fixedWorkUs(): number {
  const before = process.cpuUsage()
  let value = 1
  for (let round = 0; round < rounds; round++) value = (Math.imul(value, 31) + round) | 0
  const { user, system } = process.cpuUsage(before)
  // The result is used, or the compiler would leave the loop out.
  return user + system + (value === 0 ? 1e-9 : 0)
}
