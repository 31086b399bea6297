import { expect, test } from 'vitest'
import { describeRun } from '../../../src/lab/run/manifest.ts'
import { laptop } from '../analysis/samples.ts'

test('the warning of shared cores names PostgreSQL only if its CPU was read', () => {
  const facts = { ...laptop, commit: null, postgres: null, generators: [], busyBefore: 0 }
  const warningsOf = (isPostgresRead: boolean) =>
    describeRun({ ...facts, fixedWorkUs: null, isPostgresRead, warnings: [] }).warnings
  expect(warningsOf(true)).toContain(
    'The API, PostgreSQL and the load generator share 2 cores: every throughput is a lower bound.',
  )
  expect(warningsOf(false)).toContain(
    'The service, the load generator and whatever else runs here share 2 cores: every throughput is a lower bound.',
  )
})
