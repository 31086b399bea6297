import { Agent } from 'node:http'
import { setTimeout as sleep } from 'node:timers/promises'
import pg from 'pg'
import { describe, expect, it, onTestFinished } from 'vitest'
import { Clients, postJson } from '../helpers/clients.ts'
import { createDatabase } from '../helpers/database.ts'
import { residentMb } from '../helpers/memory.ts'
import { start } from '../helpers/service.ts'

/** A row takes five milliseconds and hardly any CPU: what limits is the database's pace alone. */
const slowRows = `
  CREATE FUNCTION take_time() RETURNS trigger LANGUAGE plpgsql AS $$
  BEGIN
    PERFORM pg_sleep(0.005);
    RETURN NEW;
  END $$;
  CREATE TRIGGER take_time BEFORE INSERT ON simple_text FOR EACH ROW EXECUTE FUNCTION take_time()`

const queueLimit = 100
/**
 * A heap that holds the service and its queue, and no queue without a bound: who outgrows it is killed. (How
 * much memory the process takes where there is plenty says more about the collector's patience.)
 */
const smallHeap = ['--max-old-space-size=64']
const tickMs = 10

interface Answered {
  readonly status: number | string
  readonly latencyMs: number
}

/** Sends at a fixed rate whatever the answers do, as the outside world does. */
async function sendAtRate(url: string, ratePerS: number, durationS: number): Promise<Answered[]> {
  const agent = new Agent({ keepAlive: true })
  const answers: Promise<Answered>[] = []
  const startMs = performance.now()
  for (let elapsedMs = 0; elapsedMs < durationS * 1000; elapsedMs = performance.now() - startMs) {
    while (answers.length < (ratePerS * elapsedMs) / 1000) {
      const sentMs = performance.now()
      const answer = postJson(agent, `${url}/texts`, { text: 'a text' })
      answers.push(answer.then(({ status }) => ({ status, latencyMs: performance.now() - sentMs })))
    }
    await sleep(tickMs)
  }
  const all = await Promise.all(answers)
  agent.destroy()
  return all
}

function quantile(answers: readonly Answered[], q: number): number {
  const sorted = answers.map(({ latencyMs }) => latencyMs).sort((a, b) => a - b)
  return sorted[Math.min(sorted.length - 1, Math.floor(q * sorted.length))] ?? Number.NaN
}

async function startSlow(env: Record<string, string>) {
  const database = await createDatabase()
  onTestFinished(() => database.drop())
  const sql = new pg.Client({ connectionString: database.url })
  await sql.connect()
  await sql.query(slowRows)
  await sql.end()
  return start(database.url, { QUEUE_LIMIT: String(queueLimit), ...env }, smallHeap)
}

/** Requests/s of 64 clients that each wait for their answer: fewer than the queue holds, so none is refused. */
async function peak(url: string): Promise<number> {
  const clients = new Clients(64, agent => postJson(agent, `${url}/texts`, { text: 'a text' }))
  await sleep(1_000)
  const before = clients.answers['201'] ?? 0
  const startMs = performance.now()
  await sleep(5_000)
  const perS = (((clients.answers['201'] ?? 0) - before) / (performance.now() - startMs)) * 1000
  await clients.stop()
  expect(clients.otherThan(201)).toBe(0)
  return perS
}

describe.each([
  ['batched', '20'],
  ['prepared', '3'],
])('%s at three times what it can sustain', (INSERT_STRATEGY, POOL_SIZE) => {
  it('refuses early, keeps its pace, and does not grow', async () => {
    const { url, service } = await startSlow({ INSERT_STRATEGY, POOL_SIZE })
    const before = await peak(url)
    // The first seconds fill the queue and warm up the way of the refusals.
    await sendAtRate(url, 3 * before, 3)
    const warmMb = residentMb(service.pid)
    const durationS = 15
    const startedMs = performance.now()
    const answers = await sendAtRate(url, 3 * before, durationS)
    const tookS = (performance.now() - startedMs) / 1000
    const grownMb = residentMb(service.pid) - warmMb

    // Before and after, because the machine may have changed its pace meanwhile.
    const peakPerS = (before + (await peak(url))) / 2
    const admitted = answers.filter(({ status }) => status === 201)
    const refused = answers.filter(({ status }) => status === 503)
    const figures = {
      peakPerS: Math.round(peakPerS),
      admittedPerS: Math.round(admitted.length / tookS),
      refusedPerS: Math.round(refused.length / tookS),
      admittedP99Ms: Math.round(quantile(admitted, 0.99)),
      refusedP50Ms: Math.round(quantile(refused, 0.5)),
      refusedP99Ms: Math.round(quantile(refused, 0.99)),
      warmMb: Math.round(warmMb),
      grownMb: Math.round(grownMb),
    }
    console.log(INSERT_STRATEGY, figures)
    expect(admitted.length + refused.length).toBe(answers.length)
    expect(figures.refusedPerS).toBeGreaterThan(before)
    expect(figures.admittedPerS).toBeGreaterThan(0.85 * peakPerS)
    // Who is let in waits for those before it, and no longer: a full queue and two batches of it, at this pace.
    expect(figures.admittedP99Ms).toBeLessThan((3 * 1000 * queueLimit) / peakPerS + 500)
    // Who is not is told at once.
    expect(figures.refusedP50Ms).toBeLessThan(figures.admittedP99Ms / 4)
    expect(grownMb).toBeLessThan(64)
  })
})
