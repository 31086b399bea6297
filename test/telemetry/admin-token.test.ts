import { expect, it, onTestFinished } from 'vitest'
import { createDatabase } from '../helpers/database.ts'
import { start } from '../helpers/service.ts'

const token = 'a-token-for-the-admin-port'
const paths = ['/metrics', '/targets', '/debug/cpu-profile?seconds=0.1', '/nowhere']

async function startWith(env: Record<string, string>) {
  const database = await createDatabase()
  onTestFinished(() => database.drop())
  return start(database.url, env)
}

it.each(['1', '2'])(
  'ADMIN_TOKEN closes every path to whoever does not send it, with %s workers',
  async workers => {
    const { url, adminPort } = await startWith({ ADMIN_TOKEN: token, WORKERS: workers, POOL_SIZE: '2' })
    const ports = workers === '1' ? [adminPort] : [adminPort, adminPort + 1, adminPort + 2]
    for (const admin of ports.map(port => `http://127.0.0.1:${port}`)) {
      for (const path of paths) {
        for (const authorization of [
          undefined,
          '',
          'Bearer',
          `Bearer ${token}x`,
          `Basic ${token}`,
          token.slice(1),
        ]) {
          const answer = await fetch(
            admin + path,
            authorization === undefined ? {} : { headers: { authorization } },
          )
          expect(answer.status, `${authorization} ${path}`).toBe(401)
          expect(answer.headers.get('www-authenticate')).toBe('Bearer')
          expect(await answer.text()).toBe('Send Authorization: Bearer and the token.\n')
        }
        for (const scheme of ['Bearer', 'bearer']) {
          const answer = await fetch(admin + path, { headers: { authorization: `${scheme} ${token}` } })
          expect([200, 404], path).toContain(answer.status)
          await answer.arrayBuffer()
        }
      }
    }
    expect((await fetch(`${url}/readyz`)).status).toBe(200)
  },
)

it('without ADMIN_TOKEN whoever reaches the port is answered', async () => {
  const { adminPort } = await startWith({})
  expect((await fetch(`http://127.0.0.1:${adminPort}/metrics`)).status).toBe(200)
})
