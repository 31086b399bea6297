import { setTimeout as sleep } from 'node:timers/promises'
import {
  type Context,
  createNoopMeter,
  DiagConsoleLogger,
  DiagLogLevel,
  diag,
  metrics,
} from '@opentelemetry/api'
import { AsyncLocalStorageContextManager } from '@opentelemetry/context-async-hooks'
import { getNumberFromEnv, getStringFromEnv, isTracingSuppressed } from '@opentelemetry/core'
import { PgInstrumentation } from '@opentelemetry/instrumentation-pg'
import { defaultResource, resourceFromAttributes } from '@opentelemetry/resources'
import { DataPointType, MetricReader } from '@opentelemetry/sdk-metrics'
import { NodeSDK } from '@opentelemetry/sdk-node'
import { AlwaysOnSampler } from '@opentelemetry/sdk-trace'
import { ATTR_ERROR_TYPE, ATTR_SERVICE_NAME } from '@opentelemetry/semantic-conventions'
import { inBucket } from '../ledger/index.ts'
import { EdgeSampler, samplerFromEnv } from './edge-sampler.ts'

/** How long the last export may take: an absent collector must not delay the end of the process. */
const lastExportMs = 2_000
/** A batch span links each sampled request that it carries. The SDK's own limit is 128. */
const defaultLinkCountLimit = 1_000

/** The running SDK. */
export interface Tracing {
  readonly sampler: EdgeSampler
  /** Spans that did not reach the collector: the queue was full, or the export failed. */
  droppedSpans(): Promise<number>
  /** Exports what is queued, within limits. */
  shutdown(): Promise<void>
}

/**
 * Starts the OpenTelemetry SDK, which reads the `OTEL_*` variables: exporters, protocols, endpoints, batching, limits,
 * propagators and resource. The SDK's sampler is always on, because the edge sampler has already decided.
 */
export function startTracing(): Tracing {
  // While the SDK starts, its messages about wrong variables go to standard error.
  const logsAllTheTime = getStringFromEnv('OTEL_LOG_LEVEL') !== undefined
  if (!logsAllTheTime) diag.setLogger(new DiagConsoleLogger(), DiagLogLevel.WARN)

  // The SDK counts dropped spans only if its own metrics are switched on.
  process.env['OTEL_NODE_EXPERIMENTAL_SDK_METRICS'] = 'true'
  const reader = new SdkMetrics()
  const sampler = new EdgeSampler(samplerFromEnv())
  const pg = new PgInstrumentation({ requireParentSpan: true, ignoreConnectSpans: true })
  const sdk = new NodeSDK({
    resource: defaultResource().merge(resourceFromAttributes({ [ATTR_SERVICE_NAME]: 'insertlab' })),
    contextManager: new BucketedContextManager(),
    idGenerator: sampler,
    sampler: new AlwaysOnSampler(),
    spanLimits: { linkCountLimit: getNumberFromEnv('OTEL_SPAN_LINK_COUNT_LIMIT') ?? defaultLinkCountLimit },
    metricReaders: [reader],
    logRecordProcessors: [],
    instrumentations: [pg],
  })
  sdk.start()
  // Only the SDK's own metrics are wanted: the service measures its queries itself, also where no request is sampled.
  metrics.disable()
  pg.setMeterProvider({ getMeter: createNoopMeter })
  if (!logsAllTheTime) diag.disable()

  return {
    sampler,
    droppedSpans: () => reader.droppedSpans(),
    shutdown: () =>
      Promise.race([sdk.shutdown().catch(() => {}), sleep(lastExportMs, undefined, { ref: false })]),
  }
}

/** The SDK suppresses tracing while it exports. The CPU of that is charged to the bucket `telemetry`. */
class BucketedContextManager extends AsyncLocalStorageContextManager {
  override with<A extends unknown[], F extends (...args: A) => ReturnType<F>>(
    context: Context,
    callback: F,
    thisArg?: ThisParameterType<F>,
    ...args: A
  ): ReturnType<F> {
    const run = () => super.with(context, callback, thisArg, ...args)
    return isTracingSuppressed(context) ? inBucket('telemetry', run) : run()
  }
}

class SdkMetrics extends MetricReader {
  async droppedSpans(): Promise<number> {
    const { resourceMetrics } = await this.collect()
    let dropped = 0
    for (const metric of resourceMetrics.scopeMetrics.flatMap(scope => scope.metrics)) {
      if (metric.descriptor.name !== 'otel.sdk.processor.span.processed') continue
      if (metric.dataPointType !== DataPointType.SUM) continue
      for (const { attributes, value } of metric.dataPoints) {
        if (attributes[ATTR_ERROR_TYPE] !== undefined) dropped += value
      }
    }
    return dropped
  }

  protected override async onForceFlush(): Promise<void> {}
  protected override async onShutdown(): Promise<void> {}
}
