/**
 * TypeORM, entities defined in plain JavaScript: https://typeorm.io/docs/entity/separating-entity-definition,
 * https://typeorm.io/docs/working-with-entity-manager/repository-api (save, insert)
 */
import { DataSource, EntitySchema } from 'typeorm'
import { poolSize, serve } from './serve.js'

const SimpleText = new EntitySchema({
  name: 'simple_text',
  columns: {
    id: { type: 'bigint', primary: true, generated: 'identity', generatedIdentity: 'ALWAYS' },
    text: { type: 'text' },
  },
})
const db = new DataSource({
  type: 'postgres',
  url: process.env.DATABASE_URL,
  poolSize,
  entities: [SimpleText],
})
await db.initialize()
const texts = db.getRepository(SimpleText)

async function one(text, repository = texts) {
  const { id } = await repository.save({ text })
  return id
}

function each(all) {
  return db.transaction(async manager => {
    const ids = []
    for (const text of all) ids.push(await one(text, manager.getRepository(SimpleText)))
    return ids[0]
  })
}

async function bulk(all) {
  const { identifiers } = await texts.insert(all.map(text => ({ text })))
  return identifiers[0].id
}

await serve({ one, each, bulk, close: () => db.destroy() })
