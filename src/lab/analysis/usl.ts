import { nonNegativeLeastSquares } from './least-squares.ts'

/**
 * Universal Scalability Law (Gunther, Guerrilla Capacity Planning, 2007, chapter 4, in its three-parameter
 * form): X(n) = λn / (1 + σ(n − 1) + κn(n − 1)).
 */
export interface Usl {
  /** λ: throughput of one client that meets no other, requests/s. */
  readonly lambdaPerS: number
  /** σ: share of the work that queues for something all clients need, one after the other. */
  readonly sigma: number
  /** κ: what each pair of clients costs to keep in step; above zero, throughput falls again past a peak. */
  readonly kappa: number
}

export interface UslPoint {
  /** Concurrent clients. */
  readonly n: number
  readonly throughputPerS: number
}

/** Three parameters fit any three points; below this many concurrencies a fit shows nothing. */
export const fewestConcurrencies = 6

/**
 * The parameters, none of them negative, that make the (weighted) sum of squared errors of throughput least.
 * Throughput repeats to within a percentage, hence `relative`; R's usl package and the book use `absolute`, errors of the
 * same requests/s everywhere.
 *
 * n/X = (1 + σ(n − 1) + κn(n − 1)) / λ is linear in 1/λ, σ/λ and κ/λ. Gauss-Newton starts from the line
 * through n/X; each step is a linear problem with the same bounds, solved exactly, so an optimum on a bound
 * is found as surely as one inside.
 *
 * @returns null of fewer than six concurrencies, and where nothing was answered
 */
export function fitUsl(
  points: readonly UslPoint[],
  errors: 'absolute' | 'relative' = 'relative',
): Usl | null {
  if (new Set(points.map(({ n }) => n)).size < fewestConcurrencies) return null
  if (points.some(({ n, throughputPerS }) => !(n >= 1 && throughputPerS > 0))) return null
  const weights = points.map(({ throughputPerS }) => (errors === 'relative' ? 1 / throughputPerS ** 2 : 1))
  const lossOf = (reciprocal: Reciprocal) =>
    points.reduce((loss, { n, throughputPerS }, i) => {
      return loss + (weights[i] ?? 1) * (throughputPerS - at(reciprocal, n)) ** 2
    }, 0)

  let fitted = step(points, weights, ({ throughputPerS }) => throughputPerS)
  if (fitted === null || !Number.isFinite(lossOf(fitted))) return null
  for (let round = 0; round < mostRounds; round++) {
    const from: Reciprocal = fitted
    const wanted = step(points, weights, ({ n }) => at(from, n))
    const better = wanted === null ? null : firstBetter(from, wanted, lossOf)
    if (better === null) break
    const gain = lossOf(from) - lossOf(better)
    fitted = better
    if (gain <= goodEnough * lossOf(better)) break
  }
  const [inverseLambda, contention, coherency] = fitted
  return {
    lambdaPerS: 1 / inverseLambda,
    sigma: contention / inverseLambda,
    kappa: coherency / inverseLambda,
  }
}

/** Throughput that the law gives n clients, requests/s. */
export function throughputAt({ lambdaPerS, sigma, kappa }: Usl, n: number): number {
  return (lambdaPerS * n) / (1 + sigma * (n - 1) + kappa * n * (n - 1))
}

/**
 * Where throughput is highest: n* = √((1 − σ)/κ). It may lie beyond every n that was measured; that is for
 * the caller to see and say.
 *
 * @returns null where κ is zero: throughput then only ever rises, towards λ/σ
 */
export function peakOf(usl: Usl): UslPoint | null {
  if (usl.kappa === 0) return null
  const n = Math.max(1, Math.sqrt(Math.max(0, 1 - usl.sigma) / usl.kappa))
  return { n, throughputPerS: throughputAt(usl, n) }
}

/** 1/λ, σ/λ, κ/λ. */
type Reciprocal = readonly [number, number, number]

function at([inverseLambda, contention, coherency]: Reciprocal, n: number): number {
  return n / (inverseLambda + contention * (n - 1) + coherency * n * (n - 1))
}

/**
 * The linear problem around an estimate f of the throughput: X ≈ f − (f²/n)(n/X − n/f), so n/X is asked to be
 * (n/f)(2 − X/f). With f = X that is n/X itself.
 */
function step(
  points: readonly UslPoint[],
  weights: readonly number[],
  estimate: (point: UslPoint) => number,
): Reciprocal | null {
  const solution = nonNegativeLeastSquares(
    points.map(({ n }) => [1, n - 1, n * (n - 1)]),
    points.map(point => (point.n / estimate(point)) * (2 - point.throughputPerS / estimate(point))),
    points.map((point, i) => (weights[i] ?? 1) * (estimate(point) ** 2 / point.n) ** 2),
  )
  const [inverseLambda = 0, contention = 0, coherency = 0] = solution ?? []
  return inverseLambda > 0 ? [inverseLambda, contention, coherency] : null
}

const mostRounds = 100
const goodEnough = 1e-12
const mostHalvings = 30

/** The first of the wanted point, half the way there, a quarter … that lowers the loss. */
function firstBetter(
  from: Reciprocal,
  wanted: Reciprocal,
  lossOf: (reciprocal: Reciprocal) => number,
): Reciprocal | null {
  for (let share = 1; share > 2 ** -mostHalvings; share /= 2) {
    const between = (i: 0 | 1 | 2) => from[i] + share * (wanted[i] - from[i])
    const tried: Reciprocal = [between(0), between(1), between(2)]
    if (lossOf(tried) < lossOf(from)) return tried
  }
  return null
}
