import { type Phase, pauseS } from './phases.ts'
import { milliseconds, type SummaryData, value } from './summary.ts'

/** One step of a rising load. */
export interface Step extends Phase {
  ratePerS: number
}

/**
 * @param plan `startS` leaves room for a warm-up.
 * @returns steps of equal length and equal growth, the first at `fromPerS`, the last at `toPerS`.
 */
export function staircase(plan: {
  fromPerS: number
  toPerS: number
  steps: number
  stepS: number
  startS: number
}): Step[] {
  const growth = plan.steps > 1 ? (plan.toPerS - plan.fromPerS) / (plan.steps - 1) : 0
  return Array.from({ length: plan.steps }, (_, index) => {
    const ratePerS = Math.round(plan.fromPerS + growth * index)
    return {
      name: `step_${String(index + 1).padStart(2, '0')}_at_${ratePerS}_per_s`,
      ratePerS,
      startS: plan.startS + index * (plan.stepS + pauseS),
      durationS: plan.stepS,
    }
  })
}

/** What came of each step that ran, and the breakpoint in one sentence. */
export function describeStaircase(steps: readonly Step[], data: SummaryData): string {
  const results = steps.map(step => stepResult(step, data)).filter(({ requests }) => requests > 0)
  const held = results.filter(({ ok }) => ok).at(-1)
  const broken = results.find(({ ok }) => !ok)
  const rows = results.map(
    ({ step, p99Ms, dropped, ok }) =>
      `  ${String(step.ratePerS).padStart(7)}/s  p99 ${milliseconds(p99Ms).padStart(9)}  dropped ${String(dropped).padStart(6)}  ${ok ? 'held' : 'broken'}`,
  )
  return [...rows, '', `  ${sentence(held, broken)}`, '', ''].join('\n')
}

interface StepResult {
  step: Step
  requests: number
  p99Ms: number | undefined
  dropped: number
  ok: boolean
}

function stepResult(step: Step, data: SummaryData): StepResult {
  const of = `{scenario:${step.name}}`
  const held = (metric: string) =>
    Object.values(data.metrics[`${metric}${of}`]?.thresholds ?? {}).every(({ ok }) => ok)
  const dropped = value(data, `dropped_iterations${of}`, 'count') ?? 0
  return {
    step,
    requests: value(data, `http_reqs${of}`, 'count') ?? 0,
    p99Ms: value(data, `http_req_duration${of}`, 'p(99)'),
    dropped,
    // A rate of which a hundredth never left k6 was not held, however good the rest looks.
    ok:
      held('http_req_duration') &&
      held('http_req_failed') &&
      dropped <= 0.01 * step.ratePerS * step.durationS,
  }
}

function sentence(held: StepResult | undefined, broken: StepResult | undefined): string {
  if (broken === undefined)
    return `The objective held up to ${held?.step.ratePerS ?? 0}/s, the last step: raise RATE_TO.`
  const blame =
    broken.dropped > 0
      ? `; k6 dropped ${broken.dropped} iterations there, so ask first whether it had CPU and users enough`
      : ''
  return held === undefined
    ? `The objective broke at the first step, ${broken.step.ratePerS}/s: lower RATE_FROM${blame}.`
    : `The objective held at ${held.step.ratePerS}/s and broke at ${broken.step.ratePerS}/s${blame}.`
}
