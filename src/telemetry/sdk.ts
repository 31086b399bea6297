import { type ProxyTracerProvider, trace } from '@opentelemetry/api'
import { PgInstrumentation } from '@opentelemetry/instrumentation-pg'
import { OTLPExporterBase } from '@opentelemetry/otlp-exporter-base'
import {
  convertLegacyHttpOptions,
  createOtlpHttpExportDelegate,
} from '@opentelemetry/otlp-exporter-base/node-http'
import { ProtobufTraceSerializer } from '@opentelemetry/otlp-transformer'
import { NodeSDK } from '@opentelemetry/sdk-node'
import { AlwaysOnSampler } from '@opentelemetry/sdk-trace-base'
import { LateIds, LateTracerProvider } from './late-tracer.ts'
import { type EncodedSpans, exportRequestOf } from './span-encoder.ts'
import { SpanPipeline } from './span-pipeline.ts'

/**
 * Starts the OpenTelemetry SDK. Endpoint, headers, service name and resource come from the `OTEL_*`
 * variables of the specification. The SDK's sampler is always on because the decision has been made before
 * it is asked: see `edge-sampler.ts`.
 */
export function startSdk(): SpanPipeline {
  const pipeline = new SpanPipeline(createExporter(), {
    maxQueueSize: Number(process.env['OTEL_BSP_MAX_QUEUE_SIZE'] ?? 8192),
    maxExportBatchSize: Number(process.env['OTEL_BSP_MAX_EXPORT_BATCH_SIZE'] ?? 512),
    scheduledDelayMillis: Number(process.env['OTEL_BSP_SCHEDULE_DELAY'] ?? 1000),
  })
  process.env['OTEL_SERVICE_NAME'] ??= 'insertlab'
  // A batch span links every sampled request that it carried, and there may be more than the SDK's 128.
  process.env['OTEL_SPAN_LINK_COUNT_LIMIT'] ??= '1000'
  const ids = new LateIds()
  new NodeSDK({
    idGenerator: ids,
    sampler: new AlwaysOnSampler(),
    spanProcessors: [pipeline],
    metricReaders: [],
    logRecordProcessors: [],
    instrumentations: [
      // A query without a sampled request above it makes no span; a new connection is nobody's query.
      new PgInstrumentation({ requireParentSpan: true, ignoreConnectSpans: true }),
    ],
  }).start()
  const global = trace.getTracerProvider() as ProxyTracerProvider
  global.setDelegate(new LateTracerProvider({ sdk: global.getDelegate(), ids, take: pipeline.take }))
  return pipeline
}

/** The library's exporter to OTLP over HTTP, with its settings and retries, for spans that are encoded already. */
function createExporter(): OTLPExporterBase<EncodedSpans> {
  const options = convertLegacyHttpOptions({}, 'TRACES', 'v1/traces', {
    'Content-Type': 'application/x-protobuf',
  })
  const serializer = {
    serializeRequest: exportRequestOf,
    deserializeResponse: (bytes: Uint8Array) => ProtobufTraceSerializer.deserializeResponse(bytes),
  }
  const items = { name: 'span' as const, countItems: ({ count }: EncodedSpans) => count }
  return new OTLPExporterBase(
    createOtlpHttpExportDelegate(options, serializer, 'otlp_http_span_exporter', items, undefined),
  )
}
