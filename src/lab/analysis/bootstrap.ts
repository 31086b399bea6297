import { randomFrom } from './random.ts'

/** How often is enough for a 95 % interval's ends (Efron & Tibshirani 1993, section 14.2, name 1,000). */
const usualResamples = 1000

/**
 * Bootstrap (Efron 1979): the values of a statistic on samples drawn with replacement from the repeats of
 * each group. Groups stay apart, because a repeat at 8 connections says nothing about one at 64.
 *
 * The same seed draws the same samples, so a report that is rendered twice shows the same figures. Intervals
 * from only three repeats are a little too narrow (by √(2/3) for a mean).
 *
 * @param statistic called once a draw; where it has no answer (null) the draw is left out
 */
export function bootstrap<Repeat, Answer>(
  groups: readonly (readonly Repeat[])[],
  statistic: (groups: Repeat[][]) => Answer | null,
  { resamples = usualResamples, seed = 1 }: { resamples?: number; seed?: number } = {},
): Answer[] {
  const random = randomFrom(seed)
  const drawn = (group: readonly Repeat[]) =>
    group.flatMap(() => {
      const index = Math.floor(random() * group.length)
      return group.slice(index, index + 1)
    })
  const answers: Answer[] = []
  for (let draw = 0; draw < resamples; draw++) {
    const answer = statistic(groups.map(drawn))
    if (answer !== null) answers.push(answer)
  }
  return answers
}

/**
 * Bootstrap of residuals (Efron 1979), for points that were measured once: the values of a statistic if each
 * point misses the fit by the residual of a randomly drawn point. Residuals are relative, and widened for the
 * fitted parameters (√(n/(n − p))).
 */
export function bootstrapResiduals<Answer>(
  {
    fitted,
    measured,
    parameters,
  }: { fitted: readonly number[]; measured: readonly number[]; parameters: number },
  statistic: (values: number[]) => Answer | null,
  options?: { resamples?: number; seed?: number },
): Answer[] {
  const count = fitted.length
  const widening = Math.sqrt(count / Math.max(1, count - parameters))
  const misses = fitted.map((value, i) => ((measured[i] ?? value) / value - 1) * widening)
  return bootstrap(
    [misses],
    ([drawn = []]) => statistic(fitted.map((value, i) => value * (1 + (drawn[i] ?? 0)))),
    options,
  )
}

/** The middle `level` of the values: the percentile interval. null of none. */
export function percentileInterval(
  values: readonly number[],
  level = 0.95,
): { low: number; high: number } | null {
  const low = quantile(values, (1 - level) / 2)
  const high = quantile(values, (1 + level) / 2)
  return low === null || high === null ? null : { low, high }
}

/** Linear between the two nearest of the sorted values (type 7 of Hyndman & Fan 1996); null of none. */
export function quantile(values: readonly number[], share: number): number | null {
  const sorted = values.toSorted((a, b) => a - b)
  const position = share * (sorted.length - 1)
  const below = sorted[Math.floor(position)]
  const above = sorted[Math.ceil(position)]
  return below === undefined || above === undefined ? null : below + (above - below) * (position % 1)
}
