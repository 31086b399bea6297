import { number } from '../../analysis/wording.ts'
import type { Sample } from '../../results.ts'
import type { Measured } from '../costs.ts'
import type { Assumptions, Objective } from '../sizing.ts'
import { beyond, type Interval, type PlanFigure } from './figure.ts'

/** Cores that one generator pod asks for (deploy/k8s/load/test-run.yaml). */
const runnerCores = 2

export function loadFigures(
  samples: readonly Sample[],
  interval: Interval,
  { ratePerS }: Objective,
  { utilisation }: Assumptions,
  measured: Measured,
): PlanFigure[] {
  const byK6 = samples
    .filter(({ load }) => load.generator === 'k6')
    .map(({ cpuPerRequestUs }) => cpuPerRequestUs.generator)
    .filter(cost => cost !== null)
    .toSorted((a, b) => a.median - b.median)[0]
  const coresOf = (us: number) => (ratePerS * us) / 1e6 / utilisation
  const cores = byK6
    ? { value: coresOf(byK6.median), low: coresOf(byK6.low), high: coresOf(byK6.high) }
    : interval(sizing => sizing.generatorCores)
  const far = beyond([
    [ratePerS > measured.requestsPerS, `load was sent up to ${number(measured.requestsPerS)} requests/s`],
  ])
  const sender = byK6 ? 'k6' : 'undici'
  return [
    {
      name: 'generatorCores',
      title: `cores for the load (${sender})`,
      ...cores,
      unit: 'cores',
      formula: `rate · ${sender}'s CPU of a request / ${utilisation}`,
      ...far,
    },
    {
      name: 'runners',
      title: 'load generator pods',
      value: Math.ceil(cores.value / runnerCores),
      low: Math.ceil(cores.low / runnerCores),
      high: Math.ceil(cores.high / runnerCores),
      unit: 'pods',
      formula: `cores / ${runnerCores}`,
      ...far,
    },
  ]
}
