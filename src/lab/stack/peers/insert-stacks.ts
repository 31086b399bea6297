import type { PeerName } from './peers.ts'

/** A stack of the insert table (`docs/insert-table.md`). */
export interface InsertStack {
  /** What tables call it, and how `--only` names it. */
  readonly name: string
  /** Absent: the service of this repository. */
  readonly program?: PeerName
  readonly service?: Readonly<Record<string, string>>
  /** Of a program that is started by a launcher: the packages whose pinned versions the table names. */
  readonly packages?: readonly string[]
  /** How its code names the statement that carries all rows of a request; absent: it has no route for one. */
  readonly bulk?: string
  /** One process of it uses all cores. */
  readonly allCores?: true
}

const unnest = 'INSERT … SELECT unnest($1)'
const batched = { INSERT_STRATEGY: 'batched' }

/** One line a stack. Its code is in `deploy/peers`, where the README says how to add one. */
// biome-ignore format: one line a stack
export const insertStacks: readonly InsertStack[] = [
  { name: 'insertlab, batched', service: batched },
  { name: 'insertlab, prepared', service: { INSERT_STRATEGY: 'prepared' } },
  { name: 'Fastify + pg, named statement', program: 'bare-fastify' },
  { name: 'Fastify + pg', program: 'node/pg', packages: ['fastify', 'pg'], bulk: unnest },
  { name: 'Fastify + pg-promise', program: 'node/pg-promise', packages: ['fastify', 'pg-promise'], bulk: 'helpers.insert' },
  { name: 'Fastify + postgres.js', program: 'node/postgres', packages: ['fastify', 'postgres'], bulk: 'sql(rows)' },
  { name: 'Fastify + Drizzle', program: 'node/drizzle', packages: ['fastify', 'drizzle-orm', 'pg'], bulk: 'values([…])' },
  { name: 'Fastify + Knex', program: 'node/knex', packages: ['fastify', 'knex', 'pg'], bulk: 'insert([…])' },
  { name: 'Fastify + Kysely', program: 'node/kysely', packages: ['fastify', 'kysely', 'pg'], bulk: 'values([…])' },
  { name: 'Fastify + Prisma', program: 'node/prisma', packages: ['fastify', '@prisma/client', 'pg'], bulk: 'createManyAndReturn' },
  { name: 'Fastify + TypeORM', program: 'node/typeorm', packages: ['fastify', 'typeorm', 'pg'], bulk: 'insert([…])' },
  { name: 'Fastify + Sequelize', program: 'node/sequelize', packages: ['fastify', 'sequelize', 'pg'], bulk: 'bulkCreate([…])' },
  { name: 'Express + pg', program: 'node/express-pg', packages: ['express', 'pg'], bulk: unnest },
  { name: 'FastAPI + SQLAlchemy ORM', program: 'python/fastapi_orm', packages: ['fastapi', 'sqlalchemy', 'asyncpg'], bulk: 'one flush' },
  { name: 'FastAPI + SQLAlchemy text()', program: 'fastapi', bulk: 'execute(text, [{…}])' },
  { name: 'FastAPI + psycopg', program: 'python/fastapi_psycopg', packages: ['fastapi', 'psycopg'], bulk: 'executemany' },
  { name: 'FastAPI + asyncpg', program: 'python/fastapi_asyncpg', packages: ['fastapi', 'asyncpg'], bulk: 'fetchmany' },
  { name: 'FastAPI, tuned', program: 'fastapi-tuned' },
  { name: 'FastAPI, tuned and batched', program: 'fastapi-tuned', service: batched },
  { name: 'Django + psycopg', program: 'gunicorn/django_psycopg', packages: ['django', 'gunicorn', 'psycopg'], bulk: 'bulk_create([…])' },
  { name: 'gin + pgx', program: 'gin', bulk: 'SendBatch', allCores: true },
  { name: 'axum + tokio-postgres', program: 'rust/main', packages: ['axum', 'tokio-postgres'], bulk: unnest, allCores: true },
]
