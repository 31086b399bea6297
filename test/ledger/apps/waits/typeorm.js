import { DataSource, EntitySchema } from 'typeorm'

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
  poolSize: 20,
  entities: [SimpleText],
})
await db.initialize()
const texts = db.getRepository(SimpleText)

export async function wait() {
  const { id } = await texts.save({ text: 'a text' })
  return id
}
