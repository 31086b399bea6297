/**
 * Sequelize 6: https://sequelize.org/docs/v6/core-concepts/model-querying-basics/ (create, bulkCreate) and
 * https://sequelize.org/docs/v6/other-topics/transactions/ (managed transactions)
 */
import { DataTypes, Sequelize } from 'sequelize'
import { poolSize, serve } from './serve.js'

const sequelize = new Sequelize(process.env.DATABASE_URL, { logging: false, pool: { max: poolSize } })
const SimpleText = sequelize.define(
  'SimpleText',
  {
    id: { type: DataTypes.BIGINT, primaryKey: true, autoIncrement: true },
    text: { type: DataTypes.TEXT, allowNull: false },
  },
  { tableName: 'simple_text', timestamps: false },
)

async function one(text, options = {}) {
  const { id } = await SimpleText.create({ text }, options)
  return id
}

function each(texts) {
  return sequelize.transaction(async transaction => {
    const ids = []
    for (const text of texts) ids.push(await one(text, { transaction }))
    return ids[0]
  })
}

async function bulk(texts) {
  const [first] = await SimpleText.bulkCreate(texts.map(text => ({ text })))
  return first.id
}

await serve({ one, each, bulk, close: () => sequelize.close() })
