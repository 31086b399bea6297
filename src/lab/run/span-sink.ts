import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { spawnGuarded } from '../stack/janitor.ts'

export interface SpanSink extends AsyncDisposable {
  /** For `OTEL_EXPORTER_OTLP_ENDPOINT`. */
  readonly url: string
}

/** Starts a process that takes spans and forgets them; resolves once it listens. */
export async function startSpanSink(): Promise<SpanSink> {
  const script = fileURLToPath(new URL('span-sink-process.ts', import.meta.url))
  const { child, end } = await spawnGuarded(process.execPath, [script], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  if (child.stdout === null) throw new Error('the span sink was started without its standard output')
  const [port] = (await once(createInterface({ input: child.stdout }), 'line')) as [string]
  return { url: `http://127.0.0.1:${port}`, [Symbol.asyncDispose]: end }
}
