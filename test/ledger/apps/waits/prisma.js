import { PrismaPg } from '@prisma/adapter-pg'
import generated from '../node_modules/generated-prisma-client/index.js'

const adapter = new PrismaPg({ connectionString: process.env.DATABASE_URL, max: 20 })
const prisma = new generated.PrismaClient({ adapter })

export async function wait() {
  const { id } = await prisma.simpleText.create({ data: { text: 'a text' } })
  return Number(id)
}
