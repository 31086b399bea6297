import { readdirSync } from 'node:fs'
import pg from 'pg'
import { expect, it, onTestFinished } from 'vitest'
import { experiments } from '../../src/lab/experiments/all.ts'
import { createDatabase } from '../helpers/database.ts'
import { expectJson, post } from '../helpers/http.ts'
import { start } from '../helpers/service.ts'

const folder = './deploy/peers/batch-variants'
const helpers = ['replace-batch.mjs', 'take-ids.mjs']
const ways = readdirSync(folder).filter(file => !helpers.includes(file))
const texts = [
  '',
  'plain',
  '{a,"b"}',
  '\\N',
  'tab\tfeed\nreturn\r\\',
  '日本語 🙂',
  'NULL',
  'long '.repeat(5_000),
]

it('all of them are measured', () => {
  const experiment = experiments.find(({ name }) => name === 'batch-statement')
  const preloaded = experiment?.steps.flatMap(({ service }) => service?.['NODE_OPTIONS'] ?? [])
  expect(preloaded?.toSorted()).toEqual(ways.map(way => `--import ${folder}/${way}`).toSorted())
})

it.each(ways)('%s stores each text under the id of its answer', async way => {
  const database = await createDatabase()
  onTestFinished(() => database.drop())
  const { url } = await start(database.url, { NODE_OPTIONS: `--import ${folder}/${way}` })
  const sent = Array.from({ length: 40 }, () => texts).flat()
  const ids = await Promise.all(
    sent.map(async text => Number((await expectJson(await post(`${url}/texts`, { text }), 201))['id'])),
  )
  const sql = new pg.Client({ connectionString: database.url })
  await sql.connect()
  const { rows } = await sql.query<{ id: string; text: string }>('SELECT id, text FROM simple_text')
  const { rows: statements } = await sql.query(
    `SELECT FROM pg_stat_statements JOIN pg_database ON oid = dbid
     WHERE datname = current_database() AND query LIKE 'WITH new AS%simple_text%'`,
  )
  await sql.end()
  const textById = new Map(rows.map(({ id, text }) => [Number(id), text]))
  expect(ids.map(id => textById.get(id))).toEqual(sent)
  expect(rows).toHaveLength(sent.length)
  // The batch did go another way, unless what changes is how its values are written or read.
  expect(statements).toHaveLength(/^(binary-array|ids-as-)/.test(way) ? 1 : 0)
})
