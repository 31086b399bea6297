import { cpSync, mkdirSync, mkdtempSync, readdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { readResults } from '../../../src/lab/run/results-folder.ts'
import { findFreePort } from '../../../src/lab/stack/free-port.ts'
import { createDatabase } from '../../helpers/database.ts'
import { appsFolder, installApps } from '../../ledger/installed-apps.ts'
import { run } from '../../programs.ts'

/**
 * Services as somebody else would write them. In each, one installed package burns 200 us in every request, and one route
 * 300 us more in the service's own code, by the thread's own CPU clock.
 */
const packageUs = 200
const routeUs = 300
const ledgerBar = 0.15
/**
 * V8's sampler is a thread that needs a core too. With two clients it has one. With 16 it came late on a slow machine, and
 * 200 us in a package were read as 169 to 273. If other programs keep the machine busy, they are read as 92 to 157.
 */
const profileBar = 0.3

const common = `import { burnCpuUs } from 'rigged'
import { burnCpuUs as burnOwn } from './src/burn.js'
const { wait } = await import('./waits/' + process.env.WAIT + '.js')
const work = async us => {
  const id = await wait()
  burnCpuUs(${packageUs})
  if (us > 0) burnOwn(us)
  return { id }
}
`
const servers = {
  express: `import express from 'express'
${common}
const app = express()
app.get('/plain/:name', async (_, response) => response.json(await work(0)))
app.get('/injected/:name', async (_, response) => response.json(await work(${routeUs})))
app.listen(Number(process.env.PORT), '127.0.0.1')
`,
  fastify: `import Fastify from 'fastify'
${common}
const app = Fastify()
app.get('/plain/:name', () => work(0))
app.get('/injected/:name', () => work(${routeUs}))
await app.listen({ host: '127.0.0.1', port: Number(process.env.PORT) })
`,
  nest: `import 'reflect-metadata'
import { Controller, Get, Module } from '@nestjs/common'
import { NestFactory } from '@nestjs/core'
${common}
class Work {
  plain() {
    return work(0)
  }
  injected() {
    return work(${routeUs})
  }
}
// Decorators, written as the calls that they are, because plain JavaScript has no syntax for them yet.
for (const name of ['plain', 'injected'])
  Get(name + '/:name')(Work.prototype, name, Object.getOwnPropertyDescriptor(Work.prototype, name))
Controller('')(Work)
class AppModule {}
Module({ controllers: [Work] })(AppModule)
const app = await NestFactory.create(AppModule, { logger: ['error'] })
await app.listen(Number(process.env.PORT), '127.0.0.1')
`,
}
const cases = [
  { framework: 'express', wait: 'pg', packages: ['express', 'pg'] },
  { framework: 'express', wait: 'prisma', packages: ['express', 'generated-prisma-client', 'pg'] },
  { framework: 'nest', wait: 'typeorm', packages: ['@nestjs/core', 'typeorm', 'pg'] },
  { framework: 'fastify', wait: 'drizzle', packages: ['fastify', 'drizzle-orm', 'pg'] },
] as const

const folder = mkdtempSync(join(tmpdir(), 'attach-start-'))
let database: Awaited<ReturnType<typeof createDatabase>>
beforeAll(async () => {
  await installApps()
  database = await createDatabase()
  const packages = join(folder, 'node_modules')
  mkdirSync(join(packages, 'rigged'), { recursive: true })
  mkdirSync(join(folder, 'src'))
  const installed = join(appsFolder, 'node_modules')
  for (const name of readdirSync(installed)) symlinkSync(join(installed, name), join(packages, name))
  cpSync(join(appsFolder, 'waits'), join(folder, 'waits'), { recursive: true })
  cpSync(join(appsFolder, 'burn.js'), join(packages, 'rigged/index.js'))
  cpSync(join(appsFolder, 'burn.js'), join(folder, 'src/burn.js'))
  writeFileSync(
    join(packages, 'rigged/package.json'),
    '{ "name": "rigged", "type": "module", "main": "index.js" }',
  )
  writeFileSync(
    join(folder, 'package.json'),
    `{ "name": "stranger", "type": "module", "scripts": { "start": "\\"$NODE_UNDER_TEST\\" $SERVER.js" } }`,
  )
  for (const [name, code] of Object.entries(servers)) writeFileSync(join(folder, `${name}.js`), code)
  writeFileSync(
    join(folder, 'mix.ts'),
    "export default [{ path: '/plain/{n}' }, { path: '/injected/{n}' }]\n",
  )
})
afterAll(async () => {
  rmSync(folder, { recursive: true })
  await database?.drop()
})

test.each(cases)(
  '$framework, $wait: names the package that burns CPU, and what each route costs',
  async one => {
    const { framework, wait, packages } = one
    const port = await findFreePort()
    const { code, output } = await run(
      process.execPath,
      [
        ...['src/lab/cli.ts', 'attach', '--start', 'npm start', '--cwd', folder],
        ...['--url', `http://127.0.0.1:${port}`, '--scenario', join(folder, 'mix.ts')],
        ...['--max-connections', '2', '--duration', '2', '--max-rate', '50', '--generator', 'undici'],
        ...['--out', join(folder, 'results'), '--no-live'],
      ],
      {
        PORT: String(port),
        DATABASE_URL: database.url,
        NODE_UNDER_TEST: process.execPath,
        SERVER: framework,
        WAIT: wait,
      },
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
      'in one route, by the ledger': { us: routeUs, seenUs: injectedUs, bar: ledgerBar },
      'in the package, by the profile': {
        us: packageUs,
        seenUs: layersUs['rigged']?.median ?? Number.NaN,
        bar: profileBar,
      },
      'in own code, by the profile': {
        us: routeUs * (injected?.share.median ?? Number.NaN),
        seenUs: layersUs['own code: src/']?.median ?? Number.NaN,
        bar: profileBar,
      },
    }
    console.table(burned)
    console.log(
      Object.entries(layersUs)
        .map(([layer, { median }]) => `${layer} ${median.toFixed(1)}`)
        .join(', '),
    )
    for (const { us, seenUs, bar } of Object.values(burned)) {
      expect(Math.abs(seenUs / us - 1)).toBeLessThan(bar)
    }
    expect(Object.keys(layersUs)).toEqual(
      expect.arrayContaining([...packages, 'node:http', 'garbage collector']),
    )
    // The ended service leaves nothing behind.
    await expect(fetch(`http://127.0.0.1:${port}`)).rejects.toThrow()
  },
)
