import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import {
  type InsertStrategyName,
  insertStrategyNames,
} from '../../../src/service/store/inserts/insert-strategy.ts'
import { openApp, type RunningApp } from '../../helpers/app.ts'
import { metric } from '../../helpers/gate.ts'
import { expectJson, expectProblem, post } from '../../helpers/http.ts'
import { refuseBadTexts } from './refusing-trigger.ts'

/** Whatever has a meaning in JSON, in arrays of PostgreSQL, in COPY, or in SQL. */
const awkwardTexts = [
  '',
  ' ',
  ' around ',
  'plain',
  'NULL',
  'null',
  '{}',
  '{NULL}',
  '{a,b}',
  '[1,2]',
  '"quoted"',
  '"a","b"',
  "it's",
  "'; DROP TABLE simple_text; --",
  '$1',
  '%s',
  '\\',
  '\\\\',
  '\\N',
  '\\.',
  '\\n',
  '\\x00',
  'line\nfeed',
  'carriage\rreturn',
  'both\r\n',
  'tab\tstop',
  '\n',
  '\\\n',
  '\\.\n',
  '\b\f\v\u0001\u001f\u007f',
  'ünïcödé',
  '日本語',
  '🙂 and 👩‍👩‍👧‍👦',
  'e\u0301',
  '\u202eright to left',
  '\ufeffbyte order mark',
  '\u2028\u2029',
  '\uffff',
  '\u{10ffff}',
  'long '.repeat(20_000),
]

describe.each(insertStrategyNames)('%s', strategy => {
  let app: RunningApp

  beforeAll(async () => {
    app = await openApp({ INSERT_STRATEGY: strategy })
  })
  afterAll(() => app.close())

  const insert = (texts: readonly string[]) => insertInto(app, texts, strategy)

  it('stores every text as it is, and answers each with the id of its own row', async () => {
    const texts = [...awkwardTexts, ...Array.from({ length: 200 }, (_, i) => `number ${i}`)]
    const ids = await Promise.all(
      texts.map(
        async text => (await expectJson(await post(`${app.url}/texts`, { text }), 201))['id'] as number,
      ),
    )
    const stored = await textsById(app, ids)
    expect(ids.map(id => stored.get(id))).toEqual(texts)
  })

  it('stores all rows of one request and gives their ids in order', async () => {
    const ids = await insert(awkwardTexts)
    const stored = await textsById(app, ids)
    expect(ids.map(id => stored.get(id))).toEqual(awkwardTexts)
  })

  it('keeps the rows of requests apart that come at once', async () => {
    const requests = Array.from({ length: 30 }, (_, i) =>
      Array.from({ length: 1 + (i % 4) }, (_, j) => `request ${i} row ${j}`),
    )
    const answers = await Promise.all(requests.map(insert))
    const stored = await textsById(app, answers.flat())
    expect(answers.map(ids => ids.map(id => stored.get(id)))).toEqual(requests)
  })

  it('answers GET /test-insert?rows=N with N ids and stores N rows', async () => {
    const { id, ids } = await expectJson(await fetch(`${app.url}/test-insert?rows=1000`), 200)
    expect(new Set(ids as number[]).size).toBe(1000)
    expect((ids as number[])[0]).toBe(id)
    expect((await textsById(app, ids as number[])).size).toBe(1000)
  })
})

const refusals = insertStrategyNames.flatMap(strategy =>
  (['at the row', 'at commit'] as const).map(when => ({ strategy, when })),
)
describe.each(refusals)('$strategy, refused $when', ({ strategy, when }) => {
  let app: RunningApp

  beforeAll(async () => {
    app = await openApp({ INSERT_STRATEGY: strategy })
    await refuseBadTexts(app, when)
  })
  afterAll(() => app.close())

  const insert = (texts: readonly string[]) => insertInto(app, texts, strategy)

  it('refuses a text that PostgreSQL refuses, and that one alone', async () => {
    const texts = Array.from({ length: 100 }, (_, i) => (i % 9 === 4 ? `bad ${i}` : `good ${i}`))
    const answers = await Promise.all(
      texts.map(async text => ({ text, answer: await post(`${app.url}/texts`, { text }) })),
    )
    for (const { text, answer } of answers) {
      if (text.startsWith('bad')) {
        const { detail } = await expectProblem(answer, 400, 'text_not_storable')
        expect(detail).toContain('23514')
      } else {
        const { id } = await expectJson(answer, 201)
        expect((await textsById(app, [id as number])).get(id as number)).toBe(text)
      }
    }
    expect(await app.sql(`SELECT FROM simple_text WHERE text LIKE 'bad%'`)).toEqual([])
  })

  it.each([0, 1, 3])('stores none of the rows where the one at %i is refused', async position => {
    const texts = ['one', 'two', 'three', 'four'].map((text, i) =>
      i === position ? 'bad' : `none of ${strategy} ${position}: ${text}`,
    )
    const neighbours = Array.from({ length: 5 }, (_, i) => [`beside ${strategy} ${position}: ${i}`])
    const [refused, ...stored] = await Promise.allSettled([texts, ...neighbours].map(insert))
    expect(refused).toMatchObject({ status: 'rejected', reason: { code: 'text_not_storable' } })
    expect(stored.map(({ status }) => status)).toEqual(neighbours.map(() => 'fulfilled'))
    expect(
      await app.sql('SELECT FROM simple_text WHERE starts_with(text, $1)', [`none of ${strategy}`]),
    ).toEqual([])
    // The connection that saw the refusal works on.
    await insert(['afterwards'])
  })
})

describe('?strategy=', () => {
  it.each(insertStrategyNames)('%s overrides the default', async strategy => {
    const app = await openApp({ INSERT_STRATEGY: strategy === 'batched' ? 'single' : 'batched' })
    const { id } = await expectJson(await fetch(`${app.url}/test-insert?strategy=${strategy}`), 200)
    expect((await textsById(app, [id as number])).size).toBe(1)
    expect(await metric(app, `insert_rows_total{insert_strategy="${strategy}"}`)).toBe(1)
    await app.close()
  })
})

function insertInto(app: RunningApp, texts: readonly string[], strategy: InsertStrategyName) {
  return app.store.texts.insert(texts, { strategy })
}

async function textsById(app: RunningApp, ids: readonly number[]): Promise<Map<number, string>> {
  const rows = await app.sql('SELECT id, text FROM simple_text WHERE id = ANY($1)', [ids])
  return new Map(rows.map(({ id, text }) => [id as number, text as string]))
}
