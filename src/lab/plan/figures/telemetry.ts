import { differenceByRepeat } from '../../analysis/figures.ts'
import type { Sample } from '../../results.ts'
import type { Assumptions, Objective } from '../sizing.ts'
import type { PlanFigure } from './figure.ts'

/** What telemetry costs: the same inserts in alternate windows, with everything on and with nothing. */
export function telemetryFigures(
  samples: readonly Sample[],
  { ratePerS }: Pick<Objective, 'ratePerS'>,
  { utilisation }: Pick<Assumptions, 'utilisation'>,
): PlanFigure[] {
  const watched = samples.find(
    ({ knobs, besideUs }) =>
      knobs['strategy'] === 'batched' && knobs['telemetry'] === 'full, 1 % traced' && besideUs,
  )
  const moreUs = watched && differenceByRepeat(watched.cpuPerRequestUs.api, watched.besideUs ?? null)
  if (!moreUs) return []
  const coresOf = (us: number) => (Math.max(0, us) * ratePerS) / 1e6 / utilisation
  return [
    {
      name: 'telemetryCores',
      title: 'of the API: for telemetry (1 % traced)',
      value: coresOf(moreUs.median),
      low: coresOf(moreUs.low),
      high: coresOf(moreUs.high),
      unit: 'cores',
      formula: `rate · (CPU with telemetry − CPU without, repeat by repeat) / ${utilisation}`,
      basis: 'extrapolated',
      because: 'measured on one worker',
    },
  ]
}
