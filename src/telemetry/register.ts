import { getBooleanFromEnv, getStringFromEnv, getStringListFromEnv } from '@opentelemetry/core'
import { startLedger } from '../ledger/index.ts'
import { includes, levelOf } from './level.ts'

/**
 * `node --import ./src/telemetry/register.ts`: starts the CPU ledger and the OpenTelemetry SDK, which must run before
 * anything else is loaded.
 */
const level = levelOf(process.env['TELEMETRY'])
if (includes(level, 'ledger')) startLedger()

/** null if no span is exported. Then the SDK is not loaded. */
export const tracing =
  includes(level, 'full') && exportsSpans() ? (await import('./sdk.ts')).startTracing() : null

/** By default the specification exports to a collector on this machine. Here a variable must ask for it. */
function exportsSpans(): boolean {
  if (getBooleanFromEnv('OTEL_SDK_DISABLED')) return false
  const exporters = getStringListFromEnv('OTEL_TRACES_EXPORTER')
  if (exporters !== undefined) return exporters[0] !== 'none'
  return ['OTEL_EXPORTER_OTLP_TRACES_ENDPOINT', 'OTEL_EXPORTER_OTLP_ENDPOINT'].some(getStringFromEnv)
}
