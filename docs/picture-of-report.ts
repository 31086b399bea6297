/**
 * Renews docs/report.png: the experiment `insert-cost` of the newest report, in Chromium.
 * After `npm run lab`: `npx node docs/picture-of-report.ts [folder of results]`. Chromium must be on the PATH.
 */
import { resolve } from 'node:path'
import { pathToFileURL } from 'node:url'
import { startChromium } from '../test/helpers/browser.ts'

const [folder = 'results/latest'] = process.argv.slice(2)
const viewport = { width: 1100, height: 1470 }

const browser = await startChromium()
try {
  const page = await browser.newPage({ viewport, colorScheme: 'light' })
  await page.goto(pathToFileURL(resolve(folder, 'report.html')).href)
  const box = await page.locator('#insert-cost').boundingBox()
  if (box === null) throw new Error(`the report in ${folder} has no experiment insert-cost`)
  const clip = { x: 0, y: Math.max(0, box.y - 10), ...viewport }
  await page.screenshot({ path: 'docs/report.png', clip, fullPage: true })
} finally {
  await browser.close()
}
