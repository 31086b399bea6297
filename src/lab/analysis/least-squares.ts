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
  const columns = [...(rows[0] ?? []).keys()]
  const all = solvedOver(columns, rows, targets, weights)
  // The objective is convex: an unbounded optimum inside the bounds is the bounded one.
  if (all?.every(coefficient => coefficient >= 0)) return all
  const candidates = subsetsOf(columns)
    .map(subset => solvedOver(subset, rows, targets, weights))
    .filter(solution => solution?.every(coefficient => coefficient >= 0) ?? false)
    .filter(solution => solution !== null)
  const lossOf = (solution: readonly number[]) =>
    sum(rows.map((row, i) => (weights[i] ?? 1) * ((targets[i] ?? 0) - dot(row, solution)) ** 2))
  const [best] = candidates
    .map(solution => ({ solution, loss: lossOf(solution) }))
    .sort((a, b) => a.loss - b.loss)
  return best?.solution ?? null
}

/** The solution over some of the columns, zero at the others. */
function solvedOver(
  subset: readonly number[],
  rows: readonly (readonly number[])[],
  targets: readonly number[],
  weights: readonly number[],
): number[] | null {
  if (subset.length === 0) return null
  const column = (j: number) => rows.map((row, i) => (row[j] ?? 0) * Math.sqrt(weights[i] ?? 1))
  const weighted = subset.map(column)
  // Columns of one length: the normal equations are then as well conditioned as they can be.
  const lengths = weighted.map(values => Math.sqrt(dot(values, values)))
  const unit = weighted.map((values, j) => values.map(value => value / (lengths[j] ?? 1)))
  const aim = targets.map((target, i) => target * Math.sqrt(weights[i] ?? 1))
  const solved = solve(
    unit.map(a => unit.map(b => dot(a, b))),
    unit.map(a => dot(a, aim)),
  )
  if (solved === null) return null
  const solution = (rows[0] ?? []).map(() => 0)
  subset.forEach((j, k) => {
    solution[j] = (solved[k] ?? 0) / (lengths[k] ?? 1)
  })
  return solution
}

/** Below it a pivot of a matrix with ones on its diagonal is rounding. */
const smallestPivot = 1e-12

/** Gaussian elimination with partial pivoting; null of a singular matrix. */
function solve(matrix: readonly (readonly number[])[], targets: readonly number[]): number[] | null {
  const size = targets.length
  const rows = matrix.map((row, i) => [...row, targets[i] ?? 0])
  for (let step = 0; step < size; step++) {
    const below = rows.splice(step).sort((a, b) => Math.abs(b[step] ?? 0) - Math.abs(a[step] ?? 0))
    const [pivotRow, ...others] = below
    const pivot = pivotRow?.[step] ?? 0
    if (pivotRow === undefined || !(Math.abs(pivot) > smallestPivot)) return null
    const reduced = others.map(row => {
      const factor = (row[step] ?? 0) / pivot
      return row.map((value, j) => value - factor * (pivotRow[j] ?? 0))
    })
    rows.push(pivotRow, ...reduced)
  }
  const solution: number[] = new Array(size).fill(0)
  for (let i = size - 1; i >= 0; i--) {
    const row = rows[i] ?? []
    const known = sum(solution.map((value, j) => (j > i ? value * (row[j] ?? 0) : 0)))
    solution[i] = ((row[size] ?? 0) - known) / (row[i] ?? 1)
  }
  return solution
}

function subsetsOf([first, ...rest]: readonly number[]): number[][] {
  if (first === undefined) return [[]]
  const without = subsetsOf(rest)
  return [...without, ...without.map(subset => [first, ...subset])]
}

function dot(a: readonly number[], b: readonly number[]): number {
  return sum(a.map((value, i) => value * (b[i] ?? 0)))
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0)
}
