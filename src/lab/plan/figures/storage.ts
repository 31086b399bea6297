import { number } from '../../analysis/wording.ts'
import { assumed, beyond, exactly, type PlanFigure, type PlanInputs, scaled } from './figure.ts'

const secondsPerDay = 86_400

export function storageFigures({ measured, objective, assumptions }: PlanInputs): PlanFigure[] {
  const { textBytes } = assumptions
  const rowsPerS = objective.ratePerS * objective.rowsPerRequest
  return [
    ...walFigures(rowsPerS, { measured, objective }),
    {
      name: 'diskGBPerDay',
      title: 'table and index grow a day',
      ...exactly((rowsPerS * rowBytes(textBytes) * secondsPerDay) / 1e9),
      unit: 'GB',
      formula:
        'rows/s · (24 header + 8 id + 1 + text, to a multiple of 8, + 4 pointer + 20 index / 0.9) · 86,400',
      ...assumed(`texts of ${textBytes} bytes; PostgreSQL's page layout`),
    },
  ]
}

function walFigures(
  rowsPerS: number,
  { measured: { walBytesPerRow, requestsPerS }, objective }: Pick<PlanInputs, 'measured' | 'objective'>,
): PlanFigure[] {
  if (walBytesPerRow === null) return []
  const far = beyond(
    objective.ratePerS > requestsPerS && `WAL was measured up to ${number(requestsPerS)} requests/s`,
  )
  return [
    {
      name: 'walMBPerS',
      title: 'WAL',
      ...scaled(walBytesPerRow, rowsPerS / 1e6),
      unit: 'MB/s',
      formula: 'rows/s · WAL bytes a row',
      ...far,
    },
    {
      name: 'walGBPerDay',
      title: 'WAL a day',
      ...scaled(walBytesPerRow, (rowsPerS * secondsPerDay) / 1e9),
      unit: 'GB',
      formula: 'WAL bytes/s · 86,400',
      ...far,
    },
  ]
}

/** A row of simple_text on the page, and its entry in the index of its ascending ids, which leaves 10 % free. */
function rowBytes(textBytes: number): number {
  const shortText = 126
  const header = textBytes > shortText ? 4 : 1
  return Math.ceil((24 + 8 + header + textBytes) / 8) * 8 + 4 + 20 / 0.9
}
