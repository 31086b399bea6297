import type { CpuProfile } from '../../analysis/call-tree.ts'
import type { ExperimentResult } from '../../results.ts'
import { againstControl } from './against-control.ts'
import { cpuByLayer } from './cpu-by-layer.ts'
import { cpuByProcess } from './cpu-by-process.ts'
import { flameGraph } from './flame-graph.ts'
import { latencyPercentiles } from './latency-percentiles.ts'
import { naiveAndLedger } from './naive-and-ledger.ts'
import { layerColour } from './palette.ts'
import type { ReportPlot } from './report-plot.ts'
import { scalingCurves } from './scaling-curve.ts'
import { throughputBySample } from './throughput-by-sample.ts'
import { throughputSweep } from './throughput-sweep.ts'

/**
 * The plots that an experiment's data supports, the most telling first: a sweep is about its curve,
 * anything else about what a request costs.
 * @param profiles the raw profiles that samples name, as far as they are at hand
 */
export function plotsFor(
  experiment: ExperimentResult,
  profiles: ReadonlyMap<string, CpuProfile> = new Map(),
): ReportPlot[] {
  const { samples } = experiment
  const curves = scalingCurves(experiment)
  const sweep = curves.length === 1 && experiment.scaling?.length === 1 ? null : throughputSweep(experiment)
  return [
    sweep,
    ...curves,
    naiveAndLedger(samples),
    againstControl(samples),
    cpuByProcess(samples),
    ...cpuByLayer(samples),
    ...samples.map(sample => flameGraph(sample, profiles, layerColour(samples))),
    sweep === null && curves.length === 0 ? throughputBySample(samples) : null,
    latencyPercentiles(samples),
  ].filter(plot => plot !== null)
}
