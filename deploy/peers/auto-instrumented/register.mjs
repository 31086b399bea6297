/**
 * The instrumentation that most services install, everything on: HTTP, framework and driver, each with its
 * defaults, behind the SDK's batch processor. Not a model: the contrast that `observability-price` measures
 * our own tracing against. Preload it with `NODE_OPTIONS=--import ./deploy/peers/auto-instrumented/register.mjs`;
 * endpoint, sampler and service name come from the `OTEL_*` variables.
 */
import FastifyOtel from '@fastify/otel'
import { OTLPTraceExporter } from '@opentelemetry/exporter-trace-otlp-proto'
import { HttpInstrumentation } from '@opentelemetry/instrumentation-http'
import { PgInstrumentation } from '@opentelemetry/instrumentation-pg'
import { NodeSDK } from '@opentelemetry/sdk-node'

process.env.OTEL_SERVICE_NAME ??= 'insertlab-auto-instrumented'
new NodeSDK({
  traceExporter: new OTLPTraceExporter(),
  metricReaders: [],
  logRecordProcessors: [],
  instrumentations: [
    new HttpInstrumentation(),
    new FastifyOtel.FastifyOtelInstrumentation({ registerOnInitialization: true }),
    new PgInstrumentation(),
  ],
}).start()
