import { number } from '../../analysis/wording.ts'
import type { Measured } from '../costs.ts'
import type { Assumptions, Objective } from '../sizing.ts'
import { beyond, exactly, type PlanFigure } from './figure.ts'

const secondsPerDay = 86_400

export function storageFigures(
  { ratePerS, rowsPerRequest }: Objective,
  { textBytes }: Assumptions,
  { walBytesPerRow, requestsPerS }: Measured,
): PlanFigure[] {
  const rowsPerS = ratePerS * rowsPerRequest
  const far = beyond([[ratePerS > requestsPerS, `WAL was measured up to ${number(requestsPerS)} requests/s`]])
  const wal = (name: string, title: string, scale: number, unit: string, formula: string): PlanFigure[] =>
    walBytesPerRow === null
      ? []
      : [
          {
            name,
            title,
            value: walBytesPerRow.median * rowsPerS * scale,
            low: walBytesPerRow.low * rowsPerS * scale,
            high: walBytesPerRow.high * rowsPerS * scale,
            unit,
            formula,
            ...far,
          },
        ]
  return [
    ...wal('walMBPerS', 'WAL', 1e-6, 'MB/s', 'rows/s · WAL bytes a row'),
    ...wal('walGBPerDay', 'WAL a day', secondsPerDay * 1e-9, 'GB', 'WAL bytes/s · 86,400'),
    {
      ...exactly(
        'diskGBPerDay',
        'table and index grow a day',
        (rowsPerS * rowBytes(textBytes) * secondsPerDay) / 1e9,
        'GB',
      ),
      formula:
        'rows/s · (24 header + 8 id + 1 + text, to a multiple of 8, + 4 pointer + 20 index / 0.9) · 86,400',
      basis: 'assumed',
      because: `texts of ${textBytes} bytes; PostgreSQL's page layout`,
    },
  ]
}

/** A row of simple_text on the page, and its entry in the index of its ascending ids, which leaves 10 % free. */
function rowBytes(textBytes: number): number {
  const shortText = 126
  const header = textBytes > shortText ? 4 : 1
  return Math.ceil((24 + 8 + header + textBytes) / 8) * 8 + 4 + 20 / 0.9
}
