import { cpSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { readResults } from '../../../src/lab/run/results-folder.ts'
import { findFreePort } from '../../../src/lab/stack/free-port.ts'
import { createDatabase } from '../../helpers/database.ts'
import { appsFolder, installApps } from '../../ledger/installed-apps.ts'
import { run } from '../../programs.ts'

/**
 * A service as somebody else would write it: Express and pg. One of its packages burns 200 us in every request, and one of
 * its routes 300 us more in its own code, by the thread's own CPU clock.
 */
const packageUs = 200
const routeUs = 300
const bar = 0.15

const server = `import express from 'express'
import pg from 'pg'
import { burnCpuUs } from 'rigged'
import { inject } from './src/inject.js'

const pool = new pg.Pool({ connectionString: process.env.DATABASE_URL, max: 20 })
const app = express()
const handler = us => async (request, response) => {
  const { rows } = await pool.query('INSERT INTO simple_text (text) VALUES ($1) RETURNING id', [request.params.name])
  burnCpuUs(${packageUs})
  inject(us)
  response.json(rows[0])
}
app.get('/plain/:name', handler(0))
app.get('/injected/:name', handler(${routeUs}))
app.listen(Number(process.env.PORT), '127.0.0.1')
`

const folder = mkdtempSync(join(tmpdir(), 'attach-start-'))
let database: Awaited<ReturnType<typeof createDatabase>>
beforeAll(async () => {
  await installApps()
  database = await createDatabase()
  const packages = join(folder, 'node_modules')
  mkdirSync(join(packages, 'rigged'), { recursive: true })
  mkdirSync(join(folder, 'src'))
  for (const name of ['express', 'pg'])
    symlinkSync(join(appsFolder, 'node_modules', name), join(packages, name))
  cpSync(join(appsFolder, 'burn.js'), join(packages, 'rigged/index.js'))
  cpSync(join(appsFolder, 'burn.js'), join(folder, 'src/burn.js'))
  writeFileSync(
    join(folder, 'src/inject.js'),
    `import { burnCpuUs } from './burn.js'\nexport const inject = us => { if (us > 0) burnCpuUs(us) }\n`,
  )
  writeFileSync(
    join(packages, 'rigged/package.json'),
    '{ "name": "rigged", "type": "module", "main": "index.js" }',
  )
  writeFileSync(
    join(folder, 'package.json'),
    `{ "name": "stranger", "type": "module", "scripts": { "start": "\\"$NODE_UNDER_TEST\\" server.js" } }`,
  )
  writeFileSync(join(folder, 'server.js'), server)
  writeFileSync(
    join(folder, 'mix.ts'),
    "export default [{ path: '/plain/{n}' }, { path: '/injected/{n}' }]\n",
  )
}, 300_000)
afterAll(async () => {
  rmSync(folder, { recursive: true })
  await database?.drop()
})

test('npm start: names the package that burns CPU, and what each route costs', async () => {
  const port = await findFreePort()
  const { code, output } = await run(
    process.execPath,
    [
      ...['src/lab/cli.ts', 'attach', '--start', 'npm start', '--cwd', folder],
      ...['--url', `http://127.0.0.1:${port}`, '--scenario', join(folder, 'mix.ts')],
      ...['--max-connections', '16', '--duration', '2', '--max-rate', '50', '--generator', 'autocannon'],
      ...['--out', join(folder, 'results'), '--no-live'],
    ],
    { PORT: String(port), DATABASE_URL: database.url, NODE_UNDER_TEST: process.execPath },
  )
  expect(code, output).toBe(0)
  const [result] = readResults(join(folder, 'results/latest')).results.experiments
  const sample = result?.samples.find(({ profile }) => profile !== undefined)
  const [plain, injected] = ['/plain/:name', '/injected/:name'].map(path =>
    sample?.routes?.find(({ route }) => route === `GET ${path}`),
  )
  const layersUs = sample?.layersUs ?? {}
  const injectedUs = (injected?.cpuUs.median ?? Number.NaN) - (plain?.cpuUs.median ?? Number.NaN)
  const burned = {
    'in one route, by the ledger': { us: routeUs, seenUs: injectedUs },
    'in the package, by the profile': { us: packageUs, seenUs: layersUs['rigged']?.median ?? Number.NaN },
    'in own code, by the profile': {
      us: routeUs * (injected?.share.median ?? Number.NaN),
      seenUs: layersUs['own code: src/']?.median ?? Number.NaN,
    },
  }
  console.table(burned)
  for (const { us, seenUs } of Object.values(burned)) expect(Math.abs(seenUs / us - 1)).toBeLessThan(bar)
  expect(Object.keys(layersUs)).toEqual(
    expect.arrayContaining(['express', 'pg', 'node:http', 'garbage collector']),
  )
  expect(sample?.profile?.by).toBe('packages')
  // The ended service leaves nothing behind.
  await expect(fetch(`http://127.0.0.1:${port}`)).rejects.toThrow()
})
