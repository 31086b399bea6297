import type { Browser, Page } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type LivePage, openLivePage } from '../../../src/lab/live/live-page.ts'
import type { Results } from '../../../src/lab/results.ts'
import { startChromium } from '../../helpers/browser.ts'
import { available } from '../../programs.ts'
import { completeRun, insertCost, pingSweep } from '../report/fixtures.ts'

const plan = { experiments: [insertCost, pingSweep], totalS: 200 }

function open(): Promise<LivePage> {
  return openLivePage(plan, new Date('2026-11-23T06:40:00Z'))
}

/** What the run had when so many samples of each experiment had been measured. */
function soFar(ofInsertCost: number, ofPing: number): Results {
  const experiments = [
    { ...insertCost, samples: insertCost.samples.slice(0, ofInsertCost) },
    { ...pingSweep, samples: pingSweep.samples.slice(0, ofPing) },
  ]
  return { ...completeRun, complete: false, experiments: experiments.slice(0, ofPing === 0 ? 1 : 2) }
}

describe.skipIf(!available('chromium'))('in Chromium', () => {
  let browser: Browser
  beforeAll(async () => {
    browser = await startChromium()
  })
  afterAll(() => browser.close())

  async function look(
    url: string,
    widthPx = 1000,
  ): Promise<{ page: Page; requested: string[]; complaints: string[] }> {
    const page = await browser.newPage({ viewport: { width: widthPx, height: 900 } })
    page.setDefaultTimeout(15_000)
    const requested: string[] = []
    const complaints: string[] = []
    page.on('request', request => requested.push(request.url()))
    page.on('pageerror', error => complaints.push(error.message))
    page.on('console', message => message.type() === 'error' && complaints.push(message.text()))
    await page.goto(url)
    return { page, requested, complaints }
  }

  test('fills as samples arrive and ends with the path of the report', async () => {
    const live = await open()
    const { page, requested, complaints } = await look(live.url)
    const plots = page.locator('figure.plot')

    live.begin('insert-cost: batched (1 of 3)', 10)
    live.live(14_200)
    await page.getByText('insert-cost: batched (1 of 3)').waitFor()
    await page.locator('.rate output', { hasText: '14,200' }).waitFor()
    expect(await page.locator('.rate-line path').count()).toBe(1)
    expect(await plots.count()).toBe(0)

    live.show(soFar(1, 0))
    await page.locator('#insert-cost [data-plot=cpu-by-process]').waitFor()
    expect(await page.locator('#moment .sentence').textContent()).toBe(insertCost.verdict.sentence)
    expect(await page.locator('#insert-cost .figures').first().locator('tbody tr').count()).toBe(1)

    live.show(soFar(8, 2))
    await page.locator('#ping').waitFor()
    expect(await page.locator('#insert-cost .figures').first().locator('tbody tr').count()).toBe(8)
    expect(await page.locator('#moment .sentence').textContent()).toBe(pingSweep.verdict.sentence)
    expect(await page.locator('#ping [data-plot=throughput-sweep]').count()).toBe(0)

    live.show(soFar(8, 3))
    await page.locator('#ping [data-plot=throughput-sweep]').waitFor()

    live.end({ ...soFar(8, 8), complete: true }, '/results/latest/report.html')
    await page.getByText('/results/latest/report.html').waitFor()
    expect(await page.title()).toBe('finished: insertlab')
    expect(await page.locator('#ping .figures').first().locator('tbody tr').count()).toBe(8)

    await live[Symbol.asyncDispose]()
    expect(await page.locator('#lost').isVisible()).toBe(false)
    expect(requested.every(url => url.startsWith(live.url))).toBe(true)
    expect(complaints).toEqual([])
    await page.close()
  })

  test('shows one who comes late all there is, on a telephone without scrolling sideways', async () => {
    await using live = await open()
    live.show(soFar(8, 8))
    const { page } = await look(live.url, 400)
    await page.locator('#ping [data-plot=throughput-sweep] svg.drawing').waitFor()
    expect(await page.evaluate('document.documentElement.scrollWidth')).toBe(400)
    await page.close()
  })

  test('says so when the lab is gone before its end, and does not knock again', async () => {
    const live = await open()
    const { page, requested } = await look(live.url)
    await page.locator('.doing').waitFor()
    await live[Symbol.asyncDispose]()
    await page.locator('#lost').waitFor({ state: 'visible' })
    expect(requested.filter(url => url.endsWith('/changes'))).toHaveLength(1)
    await page.close()
  })
})
