/** How much the service watches itself; each level contains the ones before it. */
export const telemetryLevels = ['off', 'ledger', 'metrics', 'full'] as const
export type TelemetryLevel = (typeof telemetryLevels)[number]

/** @returns whether `level` contains `wanted`. */
export function includes(level: TelemetryLevel, wanted: TelemetryLevel): boolean {
  return telemetryLevels.indexOf(level) >= telemetryLevels.indexOf(wanted)
}

/**
 * The spans' preload reads the environment before the service validates it: a wrong value counts as the
 * default here and stops the start a moment later, in the service's own configuration.
 */
export function levelOf(value: string | undefined): TelemetryLevel {
  return telemetryLevels.find(level => level === value) ?? 'full'
}
