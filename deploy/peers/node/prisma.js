/**
 * Prisma 7 with its driver adapter: https://www.prisma.io/docs/orm/prisma-client/queries/crud and
 * https://www.prisma.io/docs/orm/prisma-client/queries/transactions (an array of operations in one transaction)
 */
import { PrismaPg } from '@prisma/adapter-pg'
import { PrismaClient } from './generated/client.ts'
import { poolSize, serve } from './serve.js'

const adapter = new PrismaPg({ connectionString: process.env.DATABASE_URL, max: poolSize })
const prisma = new PrismaClient({ adapter })

async function one(text) {
  const { id } = await prisma.simpleText.create({ data: { text } })
  return id
}

async function each(texts) {
  const [first] = await prisma.$transaction(texts.map(text => prisma.simpleText.create({ data: { text } })))
  return first.id
}

async function bulk(texts) {
  const data = texts.map(text => ({ text }))
  const [first] = await prisma.simpleText.createManyAndReturn({ data, select: { id: true } })
  return first.id
}

await serve({ one, each, bulk, close: () => prisma.$disconnect() })
