import { type ServiceProcess, startService } from '../../src/lab/stack/service-process.ts'
import { type OtlpReceiver, type ReceivedSpan, startOtlpReceiver } from '../fixtures/otlp-receiver.ts'

export interface TracedService extends AsyncDisposable {
  readonly service: ServiceProcess
  readonly receiver: OtlpReceiver
  /** Stops the service, which sends what it still has, and gives every span it ever made. */
  finish(): Promise<ReceivedSpan[]>
}

/** The service with a receiver for its spans, a queue that takes them all, and a pool that is too small. */
export async function startTraced(
  databaseUrl: string,
  ratio: number,
  env: Readonly<Record<string, string>> = {},
): Promise<TracedService> {
  const receiver = await startOtlpReceiver()
  const service = await startService({
    databaseUrl,
    env: {
      OTEL_EXPORTER_OTLP_ENDPOINT: receiver.url,
      OTEL_TRACES_SAMPLER_ARG: String(ratio),
      OTEL_BSP_MAX_QUEUE_SIZE: '100000',
      POOL_SIZE: '4',
      ...env,
    },
  })
  return {
    service,
    receiver,
    async finish() {
      await service.stop()
      // The lab's own question whether the service is ready may have been sampled too.
      const spans = receiver.spans()
      const readiness = new Set(spans.filter(span => span.name === 'GET /readyz').map(span => span.traceId))
      return spans.filter(span => !readiness.has(span.traceId))
    },
    async [Symbol.asyncDispose]() {
      await service.stop()
      await receiver[Symbol.asyncDispose]()
    },
  }
}

/** The trace that an answer's `traceparent` names; null where the request was not sampled. */
export function traceOf(
  traceparent: string | string[] | undefined,
): { traceId: string; spanId: string } | null {
  const [, traceId = '', spanId = ''] =
    /^00-([0-9a-f]{32})-([0-9a-f]{16})-01$/.exec(String(traceparent)) ?? []
  return traceId === '' ? null : { traceId, spanId }
}
