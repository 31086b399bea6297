import { differenceByRepeat } from '../../analysis/figures.ts'
import { type PlanFigure, type PlanInputs, scaled } from './figure.ts'

/** What telemetry costs: the same inserts in alternate windows, with everything on and with nothing. */
export function telemetryFigures({ samples, objective, assumptions }: PlanInputs): PlanFigure[] {
  const watched = samples.find(
    ({ knobs, besideUs }) =>
      knobs['strategy'] === 'batched' && knobs['telemetry'] === 'full, 1 % traced' && besideUs,
  )
  const moreUs = watched && differenceByRepeat(watched.cpuPerRequestUs.api, watched.besideUs ?? null)
  if (!moreUs) return []
  const { value, low, high } = scaled(moreUs, objective.ratePerS / 1e6 / assumptions.utilisation)
  return [
    {
      name: 'telemetryCores',
      title: 'of the API: for telemetry (1 % traced)',
      ...{ value: Math.max(0, value), low: Math.max(0, low), high: Math.max(0, high) },
      unit: 'cores',
      formula: `rate · (CPU with telemetry − CPU without, repeat by repeat) / ${assumptions.utilisation}`,
      basis: 'extrapolated',
      because: 'measured on one worker',
    },
  ]
}
