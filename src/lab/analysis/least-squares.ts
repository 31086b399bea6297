/**
 * Weighted linear least squares with no negative coefficient: the `c >= 0` that makes `Σ w (y − x·c)²` least.
 *
 * The optimum is an ordinary least-squares solution over those columns whose coefficients are not zero
 * (Lawson & Hanson, Solving Least Squares Problems, 1974, chapter 23). With the two or three columns of the
 * models here there are few such subsets, so all are solved and the best without a negative coefficient is
 * taken: exact, and nothing to tune. A bounded Levenberg-Marquardt that cuts its steps off at the bounds (as
 * ml-levenberg-marquardt does) stops short of an optimum that lies on one.
 *
 * @returns null where no column can be told from the others
 */
export function nonNegativeLeastSquares(
  rows: readonly (readonly number[])[],
  targets: readonly number[],
  weights: readonly number[] = targets.map(() => 1),
): number[] | null {
  const weighted = (values: readonly number[]) => values.map((value, i) => value * Math.sqrt(weights[i] ?? 1))
  const columns = (rows[0] ?? []).map((_, j) => weighted(rows.map(row => row[j] ?? 0)))
  // Columns of one length, so that one bound says which of them depend on each other.
  const lengths = columns.map(column => Math.sqrt(dot(column, column)))
  const unit = columns.map((column, j) => column.map(value => value / (lengths[j] ?? 1)))
  const [best] = subsetsOf([...columns.keys()])
    .flatMap(subset => {
      const chosen = unit.filter((_, j) => subset.includes(j))
      const fit = leastSquares(chosen, weighted(targets))
      return fit === null || chosen.length === 0 ? [] : { subset, ...fit }
    })
    .filter(({ coefficients }) => coefficients.every(coefficient => coefficient >= 0))
    .sort((a, b) => a.loss - b.loss)
  if (best === undefined) return null
  return lengths.map((length, j) => (best.coefficients[best.subset.indexOf(j)] ?? 0) / length)
}

/** What is left of a column of length one that depends on others is rounding: below this square of its length. */
const smallest = 1e-12

/**
 * Least squares by Gram-Schmidt: what the first column explains is taken out of the other columns and of the target,
 * and they are fitted without it. null where the columns depend on each other.
 */
function leastSquares(
  [first, ...others]: readonly (readonly number[])[],
  target: readonly number[],
): { coefficients: number[]; loss: number } | null {
  if (first === undefined) return { coefficients: [], loss: dot(target, target) }
  const square = dot(first, first)
  if (!(square > smallest)) return null
  const along = (values: readonly number[]) => dot(first, values) / square
  const without = (values: readonly number[]) => {
    const share = along(values)
    return values.map((value, i) => value - share * (first[i] ?? 0))
  }
  const rest = leastSquares(others.map(without), without(target))
  if (rest === null) return null
  const { coefficients, loss } = rest
  return { coefficients: [along(target) - dot(coefficients, others.map(along)), ...coefficients], loss }
}

function subsetsOf([first, ...rest]: readonly number[]): number[][] {
  if (first === undefined) return [[]]
  const without = subsetsOf(rest)
  return [...without, ...without.map(subset => [first, ...subset])]
}

function dot(a: readonly number[], b: readonly number[]): number {
  return a.reduce((total, value, i) => total + value * (b[i] ?? 0), 0)
}
