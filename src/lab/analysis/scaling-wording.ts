import type { Estimate, Scaling, UslFit } from '../results.ts'
import { number, percent } from './wording.ts'

/** How each swept variant scales, in sentences with intervals, and why something cannot be said. */
export function scalingInWords(scalings: readonly Scaling[]): string[] {
  return scalings.map(({ variant, connections, fits, knee, notes }) => {
    const from = Math.min(...connections)
    const to = Math.max(...connections)
    const sentences = [
      ...fits.flatMap(fit => (fit.model === 'usl' ? [uslInWords(fit)] : [])),
      ...(knee === null
        ? []
        : [`the knee is between ${number(knee.low)} and ${number(knee.high)} connections`]),
      ...notes,
    ]
    return `${variant}, ${number(from)} to ${number(to)} connections: ${sentences.join('; ')}.`
  })
}

function uslInWords({ lambdaPerS, sigma, kappa, peak }: UslFit): string {
  const law = [
    `by the Universal Scalability Law one client alone gets ${interval(lambdaPerS, 'requests/s')}`,
    `${share(sigma)} of the work is done for one request at a time (σ)`,
    `each pair of clients adds ${share(kappa)} for coordination (κ)`,
  ].join(', ')
  if (peak === null) return `${law}; throughput only rises`
  const where = `${interval(peak.throughputPerS, 'requests/s')} at ${interval(peak.connections, 'connections')}`
  return `${law}; by that law throughput peaks with ${where}`
}

function interval({ value, low, high }: Estimate, unit: string): string {
  return `${number(value)} ${unit} (${number(low)}–${number(high)})`
}

/** σ and κ may be far below a whole percentage. */
function share({ value, low, high }: Estimate): string {
  if (value >= 0.1) return `${percent(value)} (${percent(low)}–${percent(high)})`
  const inPercent = (part: number) => number(part * 100)
  return `${inPercent(value)} % (${inPercent(low)}–${inPercent(high)})`
}
