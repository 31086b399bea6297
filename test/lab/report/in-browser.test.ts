import type { Browser, Page } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { renderReport } from '../../../src/lab/report/report.ts'
import { startChromium } from '../../helpers/browser.ts'
import { available } from '../../programs.ts'
import {
  batchSweep,
  completeRun,
  inconclusive,
  insertCost,
  locked,
  observabilityPrice,
  pingScaling,
  rowsPerRequest,
} from './fixtures.ts'

const report = renderReport({
  ...completeRun,
  experiments: [
    insertCost,
    pingScaling,
    batchSweep,
    observabilityPrice,
    rowsPerRequest,
    inconclusive,
    locked,
  ],
})

/** Runs in the page: texts of the drawings in sight that cover each other, or that the drawing's edge cuts. */
const troubleWithTexts = `[...document.querySelectorAll('svg.drawing')]
  .filter(svg => svg.getBoundingClientRect().width > 0)
  .flatMap(svg => {
    const plot = svg.closest('[data-plot]').dataset.plot
    const frame = svg.getBoundingClientRect()
    const texts = [...svg.querySelectorAll('text')]
      .filter(text => text.textContent.trim() !== '')
      .map(text => ({ says: text.textContent, box: text.getBoundingClientRect() }))
    const cut = texts
      .filter(({ box }) => box.left < frame.left - 1 || box.right > frame.right + 1 || box.top < frame.top - 1 || box.bottom > frame.bottom + 1)
      .map(({ says }) => plot + ': "' + says + '" is cut')
    const covered = texts.flatMap(({ says, box }, i) => texts.slice(i + 1)
      .filter(({ box: other }) =>
        Math.min(box.right, other.right) - Math.max(box.left, other.left) > 1 &&
        Math.min(box.bottom, other.bottom) - Math.max(box.top, other.top) > 2)
      .map(other => plot + ': "' + says + '" and "' + other.says + '" cover each other'))
    return [...cut, ...covered]
  })`

describe.skipIf(!available('chromium'))('the report in Chromium', () => {
  let browser: Browser
  beforeAll(async () => {
    browser = await startChromium()
  })
  afterAll(() => browser.close())

  async function look(widthPx: number, colorScheme: 'light' | 'dark' = 'light'): Promise<Page> {
    const page = await browser.newPage({ viewport: { width: widthPx, height: 900 }, colorScheme })
    await page.setContent(report)
    return page
  }

  test.each([400, 1000])(
    'at %i px no text of a plot covers another or is cut, and nothing scrolls sideways',
    async widthPx => {
      const page = await look(widthPx)
      expect(await page.locator('svg.drawing').count()).toBeGreaterThan(20)
      expect(await page.evaluate(troubleWithTexts)).toEqual([])
      expect(await page.evaluate('document.documentElement.scrollWidth')).toBe(widthPx)
      await page.close()
    },
  )

  test('is dark where the system is, and light or dark where the reader says so', async () => {
    const page = await look(1000, 'dark')
    const background = 'getComputedStyle(document.body).backgroundColor'
    expect(await page.evaluate(background)).toBe('rgb(20, 23, 28)')
    await page.getByLabel('light').check()
    expect(await page.evaluate(background)).toBe('rgb(255, 255, 255)')
    await page.close()
  })

  test('prints in light, every plot whole on its page', async () => {
    const page = await look(1000, 'dark')
    await page.emulateMedia({ media: 'print' })
    expect(await page.evaluate('getComputedStyle(document.body).backgroundColor')).toBe('rgb(255, 255, 255)')
    const pdf = await page.pdf()
    expect(pdf.subarray(0, 5).toString()).toBe('%PDF-')
    await page.close()
  })
})
