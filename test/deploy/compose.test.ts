import { readFile } from 'node:fs/promises'
import { describe, expect, test } from 'vitest'
import { parse } from 'yaml'
import packageJson from '../../package.json' with { type: 'json' }
import { scrapeIntervalS } from '../../src/dashboards/datasources.ts'

interface Service {
  image: string
  /** Started only where a profile asks for it. */
  profiles?: string[]
  user?: string
  command?: string[]
  environment?: Record<string, string>
  ports?: string[]
  healthcheck?: { test: string[] }
  read_only?: boolean
  cap_drop?: string[]
  security_opt?: string[]
  mem_limit: string
  cpus: string
}

const root = new URL('../../', import.meta.url)
const text = (path: string) => readFile(new URL(path, root), 'utf8')
const compose = parse(await text('compose.yaml'), { merge: true }) as { services: Record<string, Service> }
const dockerfile = await text('deploy/docker/Dockerfile')
const services = Object.entries(compose.services).map(([name, service]) => ({ name, service }))

/** `${NAME:-default}` as compose reads it without a .env. */
const byDefault = (value: string) => value.replace(/\$\{\w+:-([^}]*)\}/g, '$1')
const mebibytes = (limit: string) => {
  const [, amount, unit] = /^(\d+)([mg])$/.exec(byDefault(limit)) ?? []
  return Number(amount) * (unit === 'g' ? 1024 : 1)
}

describe.each(services)('$name', ({ service }) => {
  test('has a pinned image', () => {
    expect(service.image).toMatch(/^[a-z0-9./-]+:v?\d+\.\d+[\w.-]*$/)
  })

  test('publishes ports on loopback alone, with numbers that can be changed', () => {
    for (const port of service.ports ?? []) expect(port).toMatch(/^127\.0\.0\.1:\$\{[A-Z_]+_PORT:-\d+\}:\d+$/)
  })

  test('cannot write to its image or gain rights, and has limits that can be changed', () => {
    expect(service.read_only).toBe(true)
    expect(service.cap_drop).toEqual(['ALL'])
    expect(service.security_opt).toEqual(['no-new-privileges:true'])
    expect(service.user ?? 'of the image').not.toMatch(/^(0|root)\b/)
    expect(service.mem_limit).toMatch(/^\$\{[A-Z0-9]+_MEMORY:-\d+m\}$/)
    expect(service.cpus).toMatch(/^\$\{[A-Z0-9]+_CPUS:-[\d.]+\}$/)
  })

  test('has a health check', () => {
    // The service's own is in its image.
    expect(service.healthcheck?.test[0] ?? (/^HEALTHCHECK /m.test(dockerfile) && 'CMD')).toBe('CMD')
  })
})

test('everything together fits in 2 GiB', () => {
  const always = services.filter(({ service }) => service.profiles === undefined)
  expect(always.reduce((sum, { service }) => sum + mebibytes(service.mem_limit), 0)).toBeLessThanOrEqual(2048)
})

test('every variable has a default, and .env.example knows it', async () => {
  const source = await text('compose.yaml')
  const used = [...source.matchAll(/(?<!\$)\$\{(\w+)([^}]*)\}/g)]
  const example = await text('.env.example')
  for (const [whole, name, rest] of used) {
    expect(rest, whole).toMatch(/^:-./)
    expect(example, name).toMatch(new RegExp(`^#?${name}=`, 'm'))
  }
})

test('the service serves as a role that does not own the tables', async () => {
  const { PGUSER, PGPASSWORD, MIGRATION_USER, MIGRATION_PASSWORD } =
    compose.services['service']?.environment ?? {}
  const init = await text('deploy/docker/postgres-init.sql')
  expect(init).toContain(`ALTER DATABASE insertlab OWNER TO ${MIGRATION_USER};`)
  expect(init).toMatch(new RegExp(`^CREATE ROLE ${PGUSER} LOGIN PASSWORD :'service_password';$`, 'm'))
  expect(init).not.toMatch(/SUPERUSER|CREATEDB|CREATEROLE/)
  expect([PGPASSWORD, MIGRATION_PASSWORD].map(each => /^\$\{(\w+):-/.exec(each ?? '')?.[1])).toEqual([
    'SERVICE_DB_PASSWORD',
    'OWNER_DB_PASSWORD',
  ])
})

test('a password is never a part of a URL, because it may have characters that a URL may not', () => {
  for (const { service } of services) {
    for (const value of Object.values(service.environment ?? {})) expect(value).not.toMatch(/:\/\/.*PASSWORD/)
  }
})

test('k6 pushes as often as Prometheus scrapes', () => {
  expect(compose.services['k6']?.environment?.['K6_PROMETHEUS_RW_PUSH_INTERVAL']).toBe(`${scrapeIntervalS}s`)
})

test('the image runs the Node that the tests run on, as a user who is not root', () => {
  const bases = [...dockerfile.matchAll(/^FROM (\S+)/gm)].map(([, image]) => image)
  expect(new Set(bases)).toEqual(new Set([`node:${packageJson.devDependencies.node}-bookworm-slim`]))
  expect(dockerfile).toMatch(/^USER node$/m)
})
