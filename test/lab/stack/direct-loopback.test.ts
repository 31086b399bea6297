import { createServer } from 'node:http'
import { expect, test } from 'vitest'
import { findFreePort } from '../../../src/lab/stack/free-port.ts'
import { listening } from '../../helpers/listening.ts'
import { repository, run } from '../../programs.ts'

test('a proxy in the environment is not asked for loopback', async () => {
  await using service = await listening(createServer((_, response) => response.end('hello')))
  const ask = `console.log(await (await fetch('${service.url}')).text())`
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
