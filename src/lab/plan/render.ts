import { number, percent, spread } from '../analysis/wording.ts'
import type { Check, Predicted } from './check.ts'
import type { PlanFigure } from './figures/figure.ts'
import type { Plan } from './plan.ts'

/** The plan for a terminal: a line a figure, its formula below, and what it rests on where it was not measured. */
export function renderPlan({ objective, assumptions, figures, checks, notes }: Plan): string {
  const { ratePerS, rowsPerRequest, p99Ms } = objective
  const rows = rowsPerRequest === 1 ? '1 row' : `${number(rowsPerRequest)} rows`
  const width = Math.max(...figures.map(({ title }) => title.length))
  return [
    `For ${number(ratePerS)} requests/s of ${rows} each, 99 % answered within ${number(p99Ms)} ms,`,
    `threads and cores at most ${number(assumptions.utilisation * 100)} % busy:`,
    '',
    ...figures.flatMap(figure => [
      `${figure.title.padEnd(width)}  ${spreadOf(figure)}${figure.basis === 'measured' ? '' : `  [${figure.basis}]`}`,
      `${' '.repeat(width)}  = ${figure.formula}`,
      ...(figure.because === null ? [] : [`${' '.repeat(width)}  ${figure.basis}: ${figure.because}`]),
    ]),
    ...(checks.length === 0
      ? []
      : ['', 'Checked: from one worker under light load, a simulation of steps it was not told of says']),
    ...checks.map(checkLine),
    ...(notes.length === 0 ? [] : ['', 'What this plan does not know:', ...notes.map(note => `- ${note}`)]),
  ].join('\n')
}

function spreadOf({ value, low, high, unit }: PlanFigure): string {
  const shown = (figure: number) =>
    Number.isInteger(figure) ? figure.toLocaleString('en-US') : number(figure)
  const named = shown(value) === '1' ? unit.replace(/^(pod|core)s$/, '$1') : unit
  const amount = named === '' ? shown(value) : `${shown(value)} ${named}`
  return low === high ? amount : `${amount} (${shown(low)}–${shown(high)})`
}

function checkLine({ label, throughputPerS, p95Ms }: Check): string {
  return `- ${label}: ${compared(throughputPerS, 'requests/s')}; p95 ${compared(p95Ms, 'ms')}`
}

function compared({ predicted, measured }: Predicted, unit: string): string {
  const off = predicted / measured.median - 1
  return `${number(predicted)} ${unit}, measured ${spread(measured, unit)}: ${percent(Math.abs(off))} ${off < 0 ? 'too little' : 'too much'}`
}
