/**
 * Pictures of the boards in Grafana, in Chromium, which must be on the PATH. The stack must run:
 * `docker compose up -d --build --wait`.
 *
 *   npx node docs/pictures-of-boards.ts           renews docs/first-board.png: a load test for each strategy, then the
 *                                                 first board during the last one (4 minutes)
 *   npx node docs/pictures-of-boards.ts <folder>  every board as it is now, light and dark, 1600 and 1280 px wide
 *
 * GRAFANA_URL: http://127.0.0.1:3000
 */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Browser } from 'playwright-core'
import { boards } from '../src/dashboards/boards.ts'
import { startChromium } from '../test/helpers/browser.ts'

const grafana = process.env['GRAFANA_URL'] ?? 'http://127.0.0.1:3000'
const loadS = 60
/** Until the panels of a board have their data. */
const settleMs = 6_000

interface Picture {
  /** The `uid` of a board. */
  board: string
  /** Grafana's notation of a time range, `now-15m` for example. */
  from: string
  theme: 'light' | 'dark'
  width: number
  /** null: as high as the board. */
  height: number | null
  file: string
}

async function photograph(browser: Browser, picture: Picture): Promise<void> {
  const { board, from, theme, width, height, file } = picture
  // Grafana loads a panel when it comes into view, so the window is higher than the longest board.
  const page = await browser.newPage({ viewport: { width, height: height ?? 4000 } })
  try {
    await page.goto(`${grafana}/d/${board}?from=${from}&to=now&theme=${theme}&kiosk`)
    await sleep(settleMs)
    const bottoms = await page
      .locator('.react-grid-item')
      .evaluateAll(items => items.map(item => item.getBoundingClientRect().bottom))
    const clip = { x: 0, y: 0, width, height: height ?? Math.ceil(Math.max(...bottoms)) + 8 }
    await page.screenshot({ path: file, clip })
    console.log(file)
  } finally {
    await page.close()
  }
}

/** One load test from the stack's k6. */
async function load(strategy: string): Promise<void> {
  const variables = [`STRATEGY=${strategy}`, `DURATION=${loadS}s`, `TESTID=insert-${strategy}`]
  const options = variables.flatMap(each => ['-e', each])
  console.log(`${loadS} s of load with ${strategy}`)
  const args = ['compose', 'run', '--rm', ...options, 'k6', 'run', '--quiet', '/loadtests/insert.ts']
  const [code] = await once(spawn('docker', args, { stdio: ['ignore', 'ignore', 'inherit'] }), 'exit')
  if (code !== 0) throw new Error(`the load test of ${strategy} ended with exit code ${code}`)
}

async function firstBoard(browser: Browser): Promise<void> {
  await load('single')
  await load('prepared')
  const last = load('batched')
  await sleep((loadS - 10) * 1000)
  await photograph(browser, {
    board: 'insertlab-cpu',
    from: `now-${3 * loadS}s`,
    theme: 'dark',
    width: 1600,
    // The first row of the board.
    height: 1135,
    file: 'docs/first-board.png',
  })
  await last
}

async function everyBoard(browser: Browser, folder: string): Promise<void> {
  await mkdir(folder, { recursive: true })
  for (const { uid = '' } of boards) {
    for (const theme of ['light', 'dark'] as const) {
      for (const width of [1600, 1280]) {
        const file = join(folder, `${uid.replace(/^insertlab-/, '')}-${theme}-${width}.png`)
        await photograph(browser, { board: uid, from: 'now-15m', theme, width, height: null, file })
      }
    }
  }
}

const [folder] = process.argv.slice(2)
const browser = await startChromium()
try {
  await (folder === undefined ? firstBoard(browser) : everyBoard(browser, folder))
} finally {
  await browser.close()
}
