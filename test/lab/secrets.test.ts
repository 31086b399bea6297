import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { hide, hideSecretsOfRequest, hideSecretsOfUrl, masked, maskedDeep } from '../../src/lab/secrets.ts'

const cli = fileURLToPath(new URL('../../src/lab/cli.ts', import.meta.url))
const folder = mkdtempSync(join(tmpdir(), 'secrets-'))
/** Answers whoever has the right password, and with 500 whoever asks for `/broken`. */
const server = createServer((request, response) => {
  request.resume()
  response.statusCode = request.url?.includes('/broken') ? 500 : 200
  response.end('ok')
})
let host = ''

beforeAll(async () => {
  await once(server.listen(0, '127.0.0.1'), 'listening')
  const address = server.address()
  host = `127.0.0.1:${typeof address === 'object' ? address?.port : ''}`
})
afterAll(async () => {
  server.closeAllConnections()
  await once(server.close(), 'close')
  rmSync(folder, { recursive: true })
})

/** Runs the lab; gives all that it wrote anywhere: terminal, live page, files. */
async function everythingFrom(...args: string[]): Promise<string> {
  const out = mkdtempSync(join(folder, 'out-'))
  const lab = spawn(process.execPath, [cli, ...args, '--out', out], { stdio: ['ignore', 'pipe', 'pipe'] })
  const ended = once(lab, 'close')
  const seen: string[] = []
  let live: Promise<void> = Promise.resolve()
  for (const output of [lab.stdout, lab.stderr]) {
    createInterface({ input: output }).on('line', line => {
      seen.push(line)
      const [, page] = /^live: (.*)$/.exec(line) ?? []
      if (page !== undefined) live = watch(page, seen)
    })
  }
  await ended
  await live
  for (const file of readdirSync(out, { recursive: true, withFileTypes: true })) {
    if (file.isFile()) seen.push(readFileSync(join(file.parentPath, file.name), 'utf8'))
  }
  return seen.join('\n')
}

async function watch(page: string, seen: string[]): Promise<void> {
  try {
    const [first, changes] = await Promise.all([fetch(page), fetch(new URL('changes', page))])
    seen.push(await first.text())
    for await (const chunk of changes.body ?? []) seen.push(Buffer.from(chunk).toString())
  } catch {
    // The lab has ended, and its page with it.
  }
}

const short = ['--duration', '1', '--repeats', '1', '--max-connections', '1', '--max-rate', '50']

test('none of the secrets of the input is in anything that attach writes', async () => {
  const everything = await everythingFrom(
    ...['attach', ...short, '--generator', 'undici'],
    ...['--url', `http://planted-user:planted%2Burl@${host}/v1?api_key=planted-query`],
    ...['--path', '/items?access_token=planted-path&limit=7'],
    ...['--header', 'Authorization: Bearer planted-bearer', '--header', 'Cookie: sid=planted-cookie'],
    ...['--header=X-Tenant: planted-tenant'],
    ...['--body', '{"name":"someone","password":"planted-body","client_secret": "planted-second"}'],
  )
  expect(everything).toContain('report: ')
  expect(everything.includes('environment-part')).toBe(true)
  expect(everything.match(/.*(planted-(?!user)|planted(?:%2B|\+)url).*/g)).toBeNull()
  expect(everything).toContain('POST /v1/items?api_key=***&access_token=***&limit=7')
  expect(everything).toContain('someone')
})

test('headers without a secret name are shown to whoever asks for them', async () => {
  const everything = await everythingFrom(
    ...[
      'attach',
      ...short,
      '--generator',
      'undici',
      '--no-live',
      '--show-headers',
      '--url',
      `http://${host}`,
    ],
    ...['--header', 'X-Tenant: planted-tenant', '--header', 'X-Api-Key: planted-key'],
  )
  expect(everything.includes('X-Tenant: planted-tenant')).toBe(true)
  expect(everything).not.toContain('planted-key')
})

test('a scenario’s secrets are not written either', async () => {
  const scenario = join(folder, 'scenario.ts')
  const request = {
    path: '/a?token=planted-token',
    headers: { 'x-key': 'planted-key' },
    body: 'password=planted-form',
  }
  writeFileSync(scenario, `export default [${JSON.stringify(request)}]`)
  const everything = await everythingFrom(
    ...[
      'attach',
      ...short,
      '--generator',
      'undici',
      '--no-live',
      '--url',
      `http://${host}`,
      '--scenario',
      scenario,
    ],
  )
  expect(everything).toContain('report: ')
  expect(everything).not.toContain('planted-')
})

test.each([
  ['a refusal', ['--url', 'HOST/broken?token=planted-a', '--header', 'X-Key: planted-b'], 'answers 500'],
  [
    'a database',
    ['--url', 'HOST', '--database', 'postgresql://me:planted-c@127.0.0.1:9/x'],
    'cannot be queried',
  ],
  ['a wrong header', ['--url', 'HOST', '--header', 'Authorization Bearer planted-d'], 'argument is invalid'],
  ['a wrong URL', ['--url', 'postgres://me:planted-e@HOST'], 'argument is invalid'],
])('an error does not say them: %s', async (_, args, what) => {
  const said = await everythingFrom(
    'attach',
    '--debug',
    ...args.map(arg => arg.replace(/^HOST/, `http://${host}`)),
  )
  expect(said).toContain(what)
  expect(said).not.toContain('planted-')
})

test('results of a run and its assertions', async () => {
  const url = `http://me:planted-url@${host}/?token=planted-query`
  const args = ['run', 'ping', '--no-live', '--duration', '1', '--repeats', '1', '--generator', 'undici']
  const everything = await everythingFrom(...args, '--url', url, '--assert', 'throughput>1')
  expect(everything).toContain('<testsuites')
  expect(everything).toContain('report: ')
  expect(everything).not.toContain('planted-')

  const database = 'postgresql://me:planted-db@127.0.0.1:9/x'
  const refused = await everythingFrom(...args, '--url', url, '--database-url', database)
  expect(refused).toContain('the database cannot be queried')
  expect(refused).not.toContain('planted-')
})

test.each([
  ['postgresql://me:pass@host/db?sslpassword=x1', 'postgresql://me:***@host/db?sslpassword=***'],
  ['http://ghp_abc@host/', 'http://***@host/'],
  ['redis://host/0', 'redis://host/0'],
  ['GET /a?api-key=1&limit=2#t', 'GET /a?api-key=***&limit=2#t'],
  ['{"accessToken":"a\\"b","n":1}', '{"accessToken":"***","n":1}'],
  ['-H "Authorization: Basic abc" next', '-H "Authorization: ***" next'],
  ['Cookie: a=b; c=d', 'Cookie: ***'],
  ['UPDATE t SET password=$1 WHERE id = $2', 'UPDATE t SET password=$1 WHERE id = $2'],
  ['/users/{n}?token={uuid}', '/users/{n}?token={uuid}'],
  ['a lone word: key', 'a lone word: key'],
  ['give it as authorization: Bearer …', 'give it as authorization: Bearer …'],
])('%s', (text, safe) => {
  expect(masked(text)).toBe(safe)
})

test('a value that was named is masked wherever it stands, however it is encoded', () => {
  hide('s3cr"t/+')
  expect(masked(`it was s3cr"t/+, ${encodeURIComponent('s3cr"t/+')}, ${JSON.stringify('s3cr"t/+')}`)).toBe(
    'it was ***, ***, "***"',
  )
  hideSecretsOfUrl('postgresql://me:p%40ssword@host/db')
  hideSecretsOfRequest({ path: '/', headers: { authorization: 'Bearer b3arer' } })
  expect(maskedDeep({ texts: ['p@ssword', 'b3arer'], count: 3, none: null })).toEqual({
    ...{ texts: ['***', '***'], count: 3, none: null },
  })
})
