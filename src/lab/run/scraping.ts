import { metricsUrls, readMetrics } from '../probes/service-metrics.ts'

/**
 * Scrapes the metrics page of each worker once a period until disposed, one worker after the other. Prometheus too
 * spreads its targets over the period, by a hash; all pages at one instant would be a burst that nobody's service
 * sees. The first scrape is at once, so that a window of a few periods holds as many scrapes as periods.
 */
export async function startScraping(adminUrl: string, everyS: number): Promise<Disposable> {
  const urls = await metricsUrls(adminUrl)
  let count = 0
  const scrape = () => {
    const url = urls[count++ % urls.length]
    if (url !== undefined) void readMetrics(url)
  }
  scrape()
  const timer = setInterval(scrape, (everyS * 1000) / urls.length)
  return { [Symbol.dispose]: () => clearInterval(timer) }
}
