import * as Plot from '@observablehq/plot'
import type { Figure } from '../../results.ts'
import { figureInText, formatSum } from '../format.ts'
import { valueAxisX } from './axes.ts'
import { colours } from './palette.ts'
import type { ReportPlot } from './report-plot.ts'
import { layOutRows, rowPlot, rowValues, whiskersOnBars } from './rows.ts'

/** CPU of one durable row on one stack, us. */
export interface RowCost {
  readonly stack: string
  readonly api: Figure
  /** null: it was not measured. */
  readonly database: Figure | null
}

/** The insert table as a picture: one bar a stack, in the given order, API first and PostgreSQL after it. */
export function insertTablePlot(costs: readonly RowCost[]): ReportPlot {
  return {
    name: 'insert-table',
    title: 'CPU per durable row, one row a request, 64 connections',
    key: [
      { colour: colours.api, text: 'API' },
      { colour: colours.database, text: 'PostgreSQL' },
    ],
    note: 'Whiskers: lowest and highest repeat of the API.',
    description: costs.map(({ stack, api }) => `${stack}: API ${figureInText(api, 'µs')}`).join('; '),
    draw: widthPx => draw(costs, widthPx),
  }
}

function draw(costs: readonly RowCost[], widthPx: number): Plot.PlotOptions {
  const rows = layOutRows(
    costs.map(({ stack }) => stack),
    { widthPx, valuesPx: 125 },
  )
  const bars = costs.flatMap(({ api, database }, row) => [
    { row, x1: 0, x2: api.median, colour: colours.api },
    { row, x1: api.median, x2: api.median + (database?.median ?? 0), colour: colours.database },
  ])
  const totals = costs.map(({ api, database }, row) => ({
    row,
    x: Math.max(api.median + (database?.median ?? 0), api.high),
    text: `${formatSum([api, database])} µs`,
  }))
  const axis = valueAxisX(
    totals.map(({ x }) => x),
    'CPU per durable row (µs), API + PostgreSQL',
    rows.innerWidthPx,
  )
  return rowPlot(rows, axis.scale, [
    ...axis.marks,
    Plot.barX(bars, {
      ...{ y: 'row', x1: 'x1', x2: 'x2', fill: 'colour', insetRight: 1 },
      ...{ insetTop: rows.barInset, insetBottom: rows.barInset, dy: rows.dy },
    }),
    ...whiskersOnBars(
      costs.map(({ api }, row) => ({ row, figure: api })),
      rows,
    ),
    rowValues(totals, rows),
  ])
}
