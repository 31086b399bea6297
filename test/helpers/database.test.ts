import { Client } from 'pg'
import { describe, expect, it } from 'vitest'
import { createDatabase } from './database.ts'

async function connect(url: string): Promise<Client> {
  const client = new Client({ connectionString: url })
  await client.connect()
  return client
}

describe('createDatabase', () => {
  it('gives each caller a migrated database of its own, also when many ask at once', async () => {
    const databases = await Promise.all([1, 2, 3, 4].map(() => createDatabase()))
    for (const [index, { url }] of databases.entries()) {
      const client = await connect(url)
      await client.query('INSERT INTO simple_text (text) SELECT $1 FROM generate_series(1, $2)', [
        'row',
        index + 1,
      ])
      const { rows } = await client.query('SELECT count(*)::int AS count FROM simple_text')
      expect(rows).toEqual([{ count: index + 1 }])
      await client.end()
    }
    await Promise.all(databases.map(({ drop }) => drop()))
  })

  it('drops it although somebody is still connected', async () => {
    const database = await createDatabase()
    const client = await connect(database.url)
    const disconnected = new Promise(resolve => client.on('error', resolve))
    await database.drop()
    await disconnected
    await expect(connect(database.url)).rejects.toMatchObject({ code: '3D000' })
  })
})
