import { Socket } from 'node:net'
import { expect, it, vi } from 'vitest'
import { readConfig } from '../../../src/service/config.ts'
import { type RunningApp, startApp } from '../../helpers/app.ts'
import { lockTable } from '../../helpers/gate.ts'
import { expectJson } from '../../helpers/http.ts'

const openConnections = async (app: RunningApp) =>
  (
    await app.sql(
      `SELECT FROM pg_stat_activity WHERE datname = current_database() AND application_name = 'insertlab'`,
    )
  ).length

it('connections that nobody uses are closed, and opened again for the next request', async () => {
  const app = await startApp({ POOL_SIZE: 5, INSERT_STRATEGY: 'single', POOL_IDLE_TIMEOUT_MS: 200 })
  const gate = await lockTable(app, 'simple_text')
  const answers = [1, 2, 3, 4, 5].map(() => fetch(`${app.url}/test-insert`))
  await gate.waiters(5)
  await gate.open()
  for (const answer of await Promise.all(answers)) await expectJson(answer, 200)
  await expect.poll(() => openConnections(app)).toBe(0)
  expect(app.store.database.counts()).toMatchObject({ idle: 0, used: 0 })
  await expectJson(await fetch(`${app.url}/test-insert`), 200)
})

it('keeps them for half a minute unless told otherwise', () => {
  expect(readConfig({}).POOL_IDLE_TIMEOUT_MS).toBe(30_000)
})

it('sends keep-alive probes, so that a connection that is gone is noticed', async () => {
  const setKeepAlive = vi.spyOn(Socket.prototype, 'setKeepAlive')
  const app = await startApp()
  await expectJson(await fetch(`${app.url}/test-insert`), 200)
  expect(setKeepAlive.mock.calls).toContainEqual([true, 10_000])
  setKeepAlive.mockRestore()
})
