import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { isComplete } from '../../../src/lab/analysis/row-audit.ts'
import { auditRows } from '../../../src/lab/run/row-audit.ts'
import { insertStacks } from '../../../src/lab/stack/peers/insert-stacks.ts'
import { createPrograms, type Program } from '../../../src/lab/stack/programs.ts'
import { createDatabase } from '../../helpers/database.ts'

/** One on the driver alone, a query builder, and the one that is generated when it is installed. */
const names = ['Fastify + pg', 'Fastify + Drizzle', 'Fastify + Prisma']
const stacks = insertStacks.filter(({ name }) => names.includes(name))

const programs = createPrograms()

describe.each(stacks)('$name', ({ program, packages = [] }) => {
  let database: Awaited<ReturnType<typeof createDatabase>>
  let peer: Program
  beforeAll(async () => {
    database = await createDatabase()
    expect(await programs.unavailableBecause(program, () => {})).toBeNull()
    peer = await programs.start(program, { databaseUrl: database.url })
  })
  afterAll(async () => {
    await peer?.stop()
    await database.drop()
  })

  test('says what it runs on', () => {
    for (const name of packages) expect(peer.versions).toMatch(new RegExp(`${name} \\d+\\.\\d+`))
  })

  test.each([
    { rows: 1, query: 'rows=1' },
    { rows: 10, query: 'rows=10' },
    { rows: 10, query: 'rows=10&bulk=true' },
  ])('$query: every row that it answers for is in the table, and no other', async ({ rows, query }) => {
    const audit = await auditRows(database.url, `${peer.url}/test-insert?${query}`, {
      rowsPerRequest: rows,
      answered: 0,
    })
    expect(audit).toMatchObject({ exactRows: 64 * rows, exactFound: 64 * rows, ids: 64, idsFound: 64 })
    expect(isComplete(audit)).toBe(true)
  })
})
