import { includes, levelOf } from './level.ts'

/**
 * `node --import ./src/telemetry/register.ts`: patches `pg` before anything loads it. Where no endpoint is
 * set, no span could go anywhere: then nothing is patched, and the SDK is not even loaded.
 */
const exportsSpans =
  (process.env['OTEL_EXPORTER_OTLP_TRACES_ENDPOINT'] ?? process.env['OTEL_EXPORTER_OTLP_ENDPOINT']) &&
  process.env['OTEL_SDK_DISABLED'] !== 'true' &&
  process.env['OTEL_TRACES_EXPORTER'] !== 'none' &&
  includes(levelOf(process.env['TELEMETRY']), 'full')

/** Where spans go; null where they are not made. */
export const spanPipeline = exportsSpans ? (await import('./sdk.ts')).startSdk() : null
