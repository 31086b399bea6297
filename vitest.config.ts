import { defineConfig } from 'vitest/config'

/**
 * Two projects, one rule: a `*.test.ts` file belongs to `npm test` (minutes), a `*.thorough.ts` file to
 * `npm run test:all` (long load, faults, foreign programs). Thorough files run one at a time, because they
 * measure, and two measurements at once measure each other.
 */
const jsonFile = process.env['VITEST_JSON_FILE']

/** Limits only end what hangs: a slow machine passes. */
const common = {
  globalSetup: ['test/global-setup.ts'],
  // A port that was free may be taken a moment later: the one race that starting real processes leaves.
  retry: 1,
  expect: { poll: { timeout: 60_000 } },
  hookTimeout: 300_000,
}

export default defineConfig({
  test: {
    // Most files wait for processes that they start, so two cores carry more than two of them.
    maxWorkers: 3,
    // `.ci/run` counts from this file.
    reporters: jsonFile ? ['default', ['json', { outputFile: jsonFile }]] : ['default'],
    projects: [
      { test: { name: 'quick', include: ['test/**/*.test.ts'], testTimeout: 180_000, ...common } },
      {
        test: {
          name: 'thorough',
          include: ['test/**/*.thorough.ts'],
          fileParallelism: false,
          testTimeout: 600_000,
          ...common,
        },
      },
    ],
  },
})
