import { describe, expect, it } from 'vitest'
import {
  figureInText,
  formatFigure,
  formatInstant,
  formatNumber,
  formatRepeats,
  formatSetting,
  formatSum,
  shorten,
} from '../../../src/lab/report/format.ts'
import { figure } from './fixtures.ts'

/** The thin, unbreakable space that parts a number from its unit. */
const _ = '\u202f'

describe('formatFigure', () => {
  it.each([
    [figure(11_243, 11_092, 11_409), '11,200', '11,100–11,400'],
    [figure(54.24, 52.91, 55.78), '54.2', '52.9–55.8'],
    [figure(0.0661, 0.0652, 0.0684), '0.0661', '0.0652–0.0684'],
    [figure(210, 120, 420), '210', '120–420'],
    [figure(12.3, 7, 27), '12.3', '7.0–27.0'],
    [figure(0, 0, 0), '0', '0–0'],
    [figure(0, 0, 0.0412), '0', '0–0.0412'],
    [figure(999.96, 999.9, 1_000.1), '1,000', '1,000–1,000'],
  ])('%o', (value, median, range) => {
    expect(formatFigure(value)).toEqual({ median, range })
  })

  it('has no range for one repeat', () => {
    expect(formatFigure(figure(5, 5, 5, 1))).toEqual({ median: '5.00', range: null })
    expect(figureInText(figure(5, 5, 5, 1), 'µs')).toBe(`5.00${_}µs (one run)`)
  })
})

it('formats measured numbers by significance and settings whole', () => {
  expect(formatNumber(1_234_567)).toBe('1,230,000')
  expect(formatNumber(67.7, 2)).toBe('68')
  expect(formatSetting(1_234_567)).toBe('1,234,567')
  expect(formatSetting(0.25)).toBe('0.25')
})

it('writes what is added up to the digits of the largest', () => {
  expect(formatSum([figure(84.7, 66, 86), figure(0.0505, 0.04, 0.07), null])).toBe('84.7 + 0.1 + ?')
  expect(formatSum([figure(1_202, 1_100, 1_300), figure(7.43, 7, 8)])).toBe('1,202 + 7')
})

it('states how often was measured', () => {
  expect(formatRepeats([figure(1, 1, 1, 1)])).toBe('one run')
  expect(formatRepeats([figure(1, 1, 1, 3), figure(1, 1, 1, 5)])).toBe('3 to 5 repeats')
})

it('leaves what is no instant as it is', () => {
  expect(formatInstant('2026-11-23T06:40:12.000Z')).toBe('2026-11-23 06:40 UTC')
  expect(formatInstant('yesterday')).toBe('yesterday')
})

it('shortens a label with a mark that says so', () => {
  expect(shorten('prepared, 64 connections', 12)).toBe('prepared, 6…')
  expect(shorten('ping', 12)).toBe('ping')
})
