import { metricsUrls, readPages } from '../probes/service-metrics.ts'

/**
 * Scrapes the metrics pages of all workers at once, again and again, as Prometheus does, until disposed.
 * The first scrape is at once, so that a window of a few periods holds as many scrapes as periods.
 */
export async function startScraping(adminUrl: string, everyS: number): Promise<Disposable> {
  const urls = await metricsUrls(adminUrl)
  const scrape = () => void readPages(urls)
  scrape()
  const timer = setInterval(scrape, everyS * 1000)
  return { [Symbol.dispose]: () => clearInterval(timer) }
}
