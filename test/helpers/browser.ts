import { type Browser, chromium } from 'playwright-core'
import { pathOf } from '../programs.ts'

/** The Chromium of this machine; root may start it only without its sandbox. */
export function startChromium(): Promise<Browser> {
  return chromium.launch({ executablePath: pathOf('chromium') ?? '', args: ['--no-sandbox'] })
}
