/** How much the service observes itself. Each level contains the levels before it. */
export const telemetryLevels = ['off', 'ledger', 'metrics', 'full'] as const
export type TelemetryLevel = (typeof telemetryLevels)[number]

/** @returns whether `level` contains `wanted`. */
export function includes(level: TelemetryLevel, wanted: TelemetryLevel): boolean {
  return telemetryLevels.indexOf(level) >= telemetryLevels.indexOf(wanted)
}

/**
 * `register.ts` reads the environment before the service validates it. So a wrong value counts as the default here. A
 * moment later the service's configuration stops the start because of it.
 */
export function levelOf(value: string | undefined): TelemetryLevel {
  return telemetryLevels.find(level => level === value) ?? 'full'
}
