import { nonNegativeLeastSquares } from './least-squares.ts'

/**
 * What a row costs if rows share a batch: D(n) = a + b/n. A batch costs b by itself (statement, round trip,
 * commit), which its n rows share. The form is Hockney's for vector pipelines (Hockney & Jesshope, Parallel
 * Computers, 1981).
 */
export interface BatchDemand {
  /** a: what a row costs however many share its batch, us. */
  readonly perRowUs: number
  /** b: what a batch costs however many rows it carries, us. */
  readonly perBatchUs: number
}

export interface BatchPoint {
  /** Mean rows in a batch. */
  readonly rowsPerBatch: number
  readonly demandUs: number
}

/** A line through two points fits always. */
export const fewestBatchSizes = 3
/** Batches of about one size show what a row costs there and nothing of how that is made up. */
const leastSpread = 2

/**
 * Fits a and b, neither negative, by least squares of relative errors, because CPU a row repeats to within a
 * percentage.
 *
 * @returns null of fewer than three batch sizes, or where the largest is not twice the smallest
 */
export function fitBatchDemand(points: readonly BatchPoint[]): BatchDemand | null {
  const sizes = points.map(({ rowsPerBatch }) => rowsPerBatch)
  if (new Set(sizes).size < fewestBatchSizes) return null
  if (!(Math.min(...sizes) > 0 && Math.max(...sizes) >= leastSpread * Math.min(...sizes))) return null
  if (points.some(({ demandUs }) => !(demandUs > 0))) return null
  const solution = nonNegativeLeastSquares(
    sizes.map(size => [1, 1 / size]),
    points.map(({ demandUs }) => demandUs),
    points.map(({ demandUs }) => 1 / demandUs ** 2),
  )
  if (solution === null) return null
  const [perRowUs = 0, perBatchUs = 0] = solution
  return { perRowUs, perBatchUs }
}

/** D(n), us. */
export function demandAt({ perRowUs, perBatchUs }: BatchDemand, rowsPerBatch: number): number {
  return perRowUs + perBatchUs / rowsPerBatch
}

/** Rows/s at which so many cores are full with batches of this size. */
export function ceilingAt(demand: BatchDemand, rowsPerBatch: number, cores: number): number {
  return (cores * 1e6) / demandAt(demand, rowsPerBatch)
}

/**
 * Upper limit of rows/s for batches of any size: cores / a. With group commit the batch size grows with the
 * load, because rows gather while a batch is in flight: n = X · (time of a batch). So throughput does not
 * stop at the present 1/D(n); it rises towards 1/a as long as n can grow. In a closed loop n is at most the
 * number of clients.
 *
 * @returns null where a is zero: these batches were too small to show what a row costs by itself
 */
export function ultimateCeiling({ perRowUs }: BatchDemand, cores: number): number | null {
  return perRowUs > 0 ? (cores * 1e6) / perRowUs : null
}
