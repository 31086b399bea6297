import { number } from '../../analysis/wording.ts'
import { beyond, type PlanFigure, type PlanInputs, scaled } from './figure.ts'

/** Cores that one generator pod asks for (deploy/k8s/load/test-run.yaml). */
const runnerCores = 2

export function loadFigures(inputs: PlanInputs): PlanFigure[] {
  const { samples, interval, measured, objective, assumptions } = inputs
  const { ratePerS } = objective
  const { utilisation } = assumptions
  const [byK6] = samples
    .filter(({ load }) => load.generator === 'k6')
    .flatMap(({ cpuPerRequestUs }) => cpuPerRequestUs.generator ?? [])
    .toSorted((a, b) => a.median - b.median)
  const sender = byK6 ? 'k6' : 'undici'
  const cores = byK6
    ? scaled(byK6, ratePerS / 1e6 / utilisation)
    : interval(({ generatorCores }) => generatorCores)
  const far = beyond(
    ratePerS > measured.requestsPerS && `load was sent up to ${number(measured.requestsPerS)} requests/s`,
  )
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
