import * as Plot from '@observablehq/plot'
import { cpuOverControl } from '../../analysis/demand.ts'
import { change, signedPercent } from '../../analysis/wording.ts'
import type { Sample } from '../../results.ts'
import { formatRepeats, shorten } from '../format.ts'
import { axisX } from './axes.ts'
import { colours } from './palette.ts'
import type { ReportPlot } from './report-plot.ts'
import { dots, extremes, inRows, type Labelled, rowPlot } from './rows.ts'

/** What a request costs the API, as a ratio to the control, pair by pair. Null where no sample has a control. */
export function againstControl(samples: readonly Sample[]): ReportPlot | null {
  const rows = samples.flatMap((sample): Labelled[] => {
    const figure = cpuOverControl(sample)
    return figure === null || figure.low <= 0 ? [] : [{ label: sample.label, figure }]
  })
  if (rows.length === 0) return null
  const figures = rows.map(({ figure }) => figure)
  const pairs = figures.flatMap(({ values = [] }, row) => values.map(x => ({ row, x })))
  const lowest = Math.min(0.95, ...figures.map(({ low }) => low / 1.02))
  const highest = Math.max(1.15, ...figures.map(({ high }) => high * 1.02))
  return {
    name: 'against-control',
    title: titleOf(rows),
    key: [
      { colour: colours.api, text: 'median' },
      { colour: colours.api, text: 'each pair of windows', hollow: true },
    ],
    note: [
      `API CPU per answered request, divided by that of the control; median of ${formatRepeats(figures)}. The load goes to the service and to its control in turn: each repeat is a pair of windows.`,
      'At the vertical line both cost the same.',
    ].join(' '),
    description: rows.map(({ label, figure }) => `${label}: ${change(figure)}`).join('; '),
    options: rowPlot({
      labels: rows.map(({ label }) => label),
      values: figures.map(({ median }) => signedPercent(median - 1)),
      axis: {
        scale: { type: 'log', domain: [lowest, highest] },
        marks: axisX('more CPU per request (%), log scale', ratio =>
          ratio === 1 ? '0' : signedPercent(ratio - 1),
        ),
      },
      marks: [
        Plot.ruleX([1], { stroke: colours.muted, strokeWidth: 1.5 }),
        Plot.dot(pairs, {
          y: 'row',
          x: 'x',
          r: 3.5,
          fill: colours.page,
          stroke: colours.api,
          strokeWidth: 1.5,
        }),
        ...dots(inRows(figures), colours.api),
      ],
    }),
  }
}

function titleOf(rows: readonly Labelled[]): string {
  const ends = extremes(rows)
  if (ends === null || rows.length === 1)
    return `A request costs ${ends ? change(ends.least.figure) : '?'} CPU, compared with the control`
  if (!ends.isApart)
    return 'The samples do not differ beyond their spread in what a request costs, compared with the control'
  const inText = ({ label, figure }: Labelled) => `${change(figure)} with “${shorten(label, 60)}”`
  return `CPU of a request, compared with the control: from ${inText(ends.least)} to ${inText(ends.most)}`
}
