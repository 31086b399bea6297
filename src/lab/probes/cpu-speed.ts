import { deflateSync } from 'node:zlib'
import { quantile } from '../analysis/bootstrap.ts'
import { randomFrom } from '../analysis/random.ts'

/**
 * Whether the machine keeps its speed. A core that a neighbour shares (a hyperthread, a hypervisor's other
 * guest) or that was clocked down takes more CPU time for the same work, and no counter of the operating
 * system says so. Every figure of CPU per request moves with it.
 *
 * The work is native code, because V8 throws away the machine code of what has not run for a while: a loop in
 * JavaScript read four times as slow after the first pause. And it has many instructions in flight, as serving
 * requests has: a neighbour on the other hyperthread took half as much again from parsing JSON, and nothing
 * from a loop in which each step waits for the last.
 */
export interface SpeedWatch {
  /** Does a fixed piece of work, about 10 ms of it, and notes the CPU it took. Call it between loads. */
  sample(): void
  /**
   * A slow sample over a fast one (the ninth decile over the first, because in a long run a single burst moves no
   * median); null before the second. 1.0 is a machine that keeps its speed.
   */
  spread(): number | null
  /** CPU that the work took in each sample so far, us. */
  takenUs(): readonly number[]
}

export function watchSpeed(): SpeedWatch {
  const takenUs: number[] = []
  const random = randomFrom(1)
  // Letters in no order, of which deflate has to search every one; the same in every run.
  const material = Buffer.from(Array.from({ length: 1 << 19 }, () => 97 + Math.floor(random() * 16)))
  const fixedWorkUs = () => cpuUsOf(() => deflateSync(material))
  fixedWorkUs()
  return {
    sample: () => takenUs.push(Math.min(fixedWorkUs(), fixedWorkUs())),
    spread() {
      const [fast, slow] = [quantile(takenUs, 0.1), quantile(takenUs, 0.9)]
      return takenUs.length < 2 || fast === null || slow === null ? null : slow / fast
    },
    takenUs: () => takenUs,
  }
}

function cpuUsOf(work: () => void): number {
  const before = process.cpuUsage()
  work()
  const { user, system } = process.cpuUsage(before)
  return user + system
}
