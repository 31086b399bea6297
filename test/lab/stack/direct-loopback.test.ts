import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { expect, onTestFinished, test } from 'vitest'
import { findFreePort } from '../../../src/lab/stack/free-port.ts'
import { repository, run } from '../../programs.ts'

test('a proxy in the environment is not asked for loopback', async () => {
  const server = createServer((_, response) => response.end('hello')).listen(0, '127.0.0.1')
  onTestFinished(() => void server.close())
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  const ask = `console.log(await (await fetch('http://127.0.0.1:${port}')).text())`
  const direct = `import { callLoopbackDirectly } from '${repository}src/lab/stack/direct-loopback.ts'; callLoopbackDirectly(); ${ask}`
  const deadProxy = {
    NODE_USE_ENV_PROXY: '1',
    HTTP_PROXY: `http://127.0.0.1:${await findFreePort()}`,
    NO_PROXY: '',
    no_proxy: '',
  }
  const script = (code: string) => run(process.execPath, ['--input-type=module', '--eval', code], deadProxy)
  expect((await script(ask)).output).toContain('ECONNREFUSED')
  expect((await script(direct)).output).toBe('hello\n')
})
