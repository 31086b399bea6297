import { readFileSync } from 'node:fs'
import { Client } from 'pg'
import { expect, inject, test } from 'vitest'
import { type Control, closed, type Step } from '../../../src/lab/experiments/experiment.ts'
import { ownTestBed } from '../../../src/lab/run/test-bed.ts'

const step: Step = {
  variant: 'insert',
  knobs: {},
  load: closed(1),
  requests: [{ path: '/test-insert' }],
  service: { INSERT_STRATEGY: 'prepared' },
}

async function onServer<T>(use: (client: Client) => Promise<T>): Promise<T> {
  const client = new Client({ connectionString: inject('postgres').url })
  await client.connect()
  try {
    return await use(client)
  } finally {
    await client.end()
  }
}

function labDatabases(): Promise<string[]> {
  return onServer(async client => {
    const { rows } = await client.query<{ datname: string }>(
      "SELECT datname FROM pg_database WHERE datname LIKE 'insertlab\\_%\\_%'",
    )
    return rows.map(({ datname }) => datname).filter(name => name.includes(`_${process.pid}_`))
  })
}

async function insertedId(url: string): Promise<number> {
  const answer = (await (await fetch(`${url}/test-insert`)).json()) as { id: number }
  return answer.id
}

test('keeps the service while its environment stays the same, and empties the tables for every step', async () => {
  {
    await using bed = ownTestBed(inject('postgres').url)
    const { target: first } = await bed.prepare(step)
    expect(bed.postgresVersion()).toMatch(/^\d+\.\d+/)
    expect(await labDatabases()).toHaveLength(1)
    expect(await insertedId(first.url)).toBe(1)
    expect(await insertedId(first.url)).toBe(2)

    const seed = ["INSERT INTO simple_text (text) VALUES ('seed')"]
    const { target: again } = await bed.prepare({ ...step, seed })
    expect(again.apiPids).toEqual(first.apiPids)
    expect(await insertedId(again.url)).toBe(2)

    const { target: other } = await bed.prepare({ ...step, service: { INSERT_STRATEGY: 'single' } })
    expect(other.apiPids).not.toEqual(first.apiPids)

    await bed.retire()
    const { target: fresh } = await bed.prepare({ ...step, service: { INSERT_STRATEGY: 'single' } })
    expect(fresh.apiPids).not.toEqual(other.apiPids)
  }
  expect(await labDatabases()).toEqual([])
})

test('a control leaves the service running; the next service ends both', async () => {
  await using bed = ownTestBed(inject('postgres').url)
  const single: Control = { name: 'single', service: { INSERT_STRATEGY: 'single' }, windows: 1 }
  const withControl = { ...step, control: single }
  const { target: first, control: other } = await bed.prepare(withControl)
  if (other === null) throw new Error('the own bed has no room for a control')
  expect(other.apiPids).not.toEqual(first.apiPids)
  expect(await insertedId(first.url)).toBe(1)
  expect(await insertedId(other.url)).toBe(2)
  expect((await bed.prepare(withControl)).control?.apiPids).toEqual(other.apiPids)
  expect((await bed.prepare(step)).target.apiPids).toEqual(first.apiPids)

  await bed.prepare({ ...step, service: { INSERT_STRATEGY: 'copy' } })
  await expect(fetch(first.url)).rejects.toThrow('fetch failed')
  await expect(fetch(other.url)).rejects.toThrow('fetch failed')
})

test('starts a peer in place of the service, on the tables that the service makes', async () => {
  await using bed = ownTestBed(inject('postgres').url)
  const peer: Step = { ...step, program: 'bare-fastify', service: {} }
  expect(await bed.unavailableBecause(peer, () => {})).toBeNull()
  const {
    target: { url, adminUrl },
  } = await bed.prepare(peer)
  expect(adminUrl).toBeNull()
  expect(await insertedId(url)).toBe(1)
  const tenRows = await fetch(`${url}/test-insert?rows=10`)
  expect(await tenRows.json()).toMatchObject({ id: 2 })
  expect(await insertedId(url)).toBe(12)
})

test.runIf(process.platform === 'linux')(
  'takes the spans of the service where a step asks for it',
  async () => {
    await using bed = ownTestBed(inject('postgres').url)
    const endpointOf = ([pid]: readonly number[]) =>
      /OTEL_EXPORTER_OTLP_ENDPOINT=([^\0]+)/.exec(readFileSync(`/proc/${pid}/environ`, 'utf8'))?.[1]

    const { target: without } = await bed.prepare(step)
    expect(endpointOf(without.apiPids)).toBeUndefined()
    const { target: taking } = await bed.prepare({ ...step, takesSpans: true })
    const answer = await fetch(`${endpointOf(taking.apiPids)}/v1/traces`, { method: 'POST', body: 'spans' })
    expect(answer.status).toBe(200)
  },
)

test('settings of a server that is not the lab’s are not pretended', async () => {
  await using bed = ownTestBed(inject('postgres').url)
  expect(await bed.unavailableBecause({ ...step, postgres: { commit_delay: '100' } }, () => {})).toContain(
    'commit_delay',
  )
  await using own = ownTestBed(null)
  expect(await own.unavailableBecause({ ...step, postgres: { commit_delay: '100' } }, () => {})).toBeNull()
})

test('a database server that cannot be reached is an unfit environment', async () => {
  await using bed = ownTestBed('postgresql://nobody@127.0.0.1:9/none')
  await expect(bed.prepare(step)).rejects.toMatchObject({ code: 'LAB_TARGET', exitCode: 3 })
})
