import { availableParallelism } from 'node:os'
import { describe, expect, it } from 'vitest'
import { readConfig } from '../../src/service/config.ts'

describe('readConfig', () => {
  it('has the documented defaults', () => {
    expect(readConfig({})).toEqual({
      databaseUrl: undefined,
      pgOptions: undefined,
      tls: { sslmode: undefined, sslrootcert: undefined, sslcert: undefined, sslkey: undefined },
      migrationUser: undefined,
      migrationPassword: undefined,
      host: '127.0.0.1',
      port: 8000,
      adminHost: '127.0.0.1',
      adminPort: 9464,
      adminToken: undefined,
      workers: 1,
      accessLog: 'off',
      connectionMode: 'pool',
      poolSize: 20,
      poolIdleTimeoutMs: 30_000,
      batchLingerMs: 0,
      insertStrategy: 'batched',
      synchronousCommit: 'on',
      rateLimitPerS: 0,
      queueLimit: 10_000,
      requestDeadlineMs: 10_000,
      headersTimeoutMs: 10_000,
      requestTimeoutMs: 60_000,
      keepAliveTimeoutMs: 72_000,
      shutdownGraceMs: 10_000,
      telemetry: 'full',
      logLevel: 'info',
    })
  })

  it('takes every value that it documents', () => {
    expect(
      readConfig({
        DATABASE_URL: 'postgresql://user:pass@db:5433/texts',
        PGOPTIONS: '-c work_mem=8MB',
        PGSSLMODE: 'verify-full',
        PGSSLROOTCERT: '/ca.pem',
        PGSSLCERT: '/client.pem',
        PGSSLKEY: '/client.key',
        MIGRATION_USER: 'owner',
        MIGRATION_PASSWORD: 'secret',
        HOST: '0.0.0.0',
        PORT: '0',
        ADMIN_HOST: '::1',
        ADMIN_PORT: '65535',
        ADMIN_TOKEN: 'a-token-of-16-chars',
        WORKERS: '999',
        ACCESS_LOG: 'sync',
        CONNECTION_MODE: 'per-request',
        POOL_SIZE: '1',
        POOL_IDLE_TIMEOUT_MS: '0',
        BATCH_LINGER_MS: '2',
        INSERT_STRATEGY: 'copy',
        SYNCHRONOUS_COMMIT: 'off',
        RATE_LIMIT_PER_S: '100',
        QUEUE_LIMIT: '1',
        REQUEST_DEADLINE_MS: '100',
        HEADERS_TIMEOUT_MS: '100',
        REQUEST_TIMEOUT_MS: '3600000',
        KEEP_ALIVE_TIMEOUT_MS: '5000',
        SHUTDOWN_GRACE_MS: '0',
        TELEMETRY: 'ledger',
        LOG_LEVEL: 'silent',
      }),
    ).toEqual({
      databaseUrl: 'postgresql://user:pass@db:5433/texts',
      pgOptions: '-c work_mem=8MB',
      tls: {
        sslmode: 'verify-full',
        sslrootcert: '/ca.pem',
        sslcert: '/client.pem',
        sslkey: '/client.key',
      },
      migrationUser: 'owner',
      migrationPassword: 'secret',
      host: '0.0.0.0',
      port: 0,
      adminHost: '::1',
      adminPort: 65_535,
      adminToken: 'a-token-of-16-chars',
      workers: 999,
      accessLog: 'sync',
      connectionMode: 'per-request',
      poolSize: 1,
      poolIdleTimeoutMs: 0,
      batchLingerMs: 2,
      insertStrategy: 'copy',
      synchronousCommit: 'off',
      rateLimitPerS: 100,
      queueLimit: 1,
      requestDeadlineMs: 100,
      headersTimeoutMs: 100,
      requestTimeoutMs: 3_600_000,
      keepAliveTimeoutMs: 5_000,
      shutdownGraceMs: 0,
      telemetry: 'ledger',
      logLevel: 'silent',
    })
  })

  it('starts a worker a core on WORKERS=auto', () => {
    expect(readConfig({ WORKERS: 'auto' }).workers).toBe(availableParallelism())
  })

  it.each(['', ' ', '\t'])('counts a variable that is set to "%s" as not set', nothing => {
    const names = ['DATABASE_URL', 'PORT', 'WORKERS', 'ACCESS_LOG', 'INSERT_STRATEGY']
    expect(readConfig(Object.fromEntries(names.map(name => [name, nothing])))).toEqual(readConfig({}))
  })

  it.each([
    ['PORT', 'abc', 'a whole number from 0 to 65535'],
    ['PORT', '-1', 'a whole number from 0 to 65535'],
    ['PORT', '65536', 'a whole number from 0 to 65535'],
    ['PORT', '80.5', 'a whole number from 0 to 65535'],
    ['ADMIN_PORT', 'nine', 'a whole number from 0 to 65535'],
    ['WORKERS', '0', 'auto or a whole number from 1 to 999'],
    ['WORKERS', '-1', 'auto or a whole number from 1 to 999'],
    ['WORKERS', '1000', 'auto or a whole number from 1 to 999'],
    ['WORKERS', 'max', 'auto or a whole number from 1 to 999'],
    ['ACCESS_LOG', 'yes', 'one of off, on, sync'],
    ['CONNECTION_MODE', 'none', 'one of pool, per-request'],
    ['POOL_SIZE', '0', 'a whole number from 1 to 10000'],
    ['POOL_SIZE', '1e9', 'a whole number from 1 to 10000'],
    ['POOL_IDLE_TIMEOUT_MS', '-1', 'a whole number from 0 to 86400000'],
    ['BATCH_LINGER_MS', '51', 'a whole number from 0 to 50'],
    ['INSERT_STRATEGY', 'fast', 'one of batched, single, prepared, copy'],
    ['INSERT_STRATEGY', 'BATCHED', 'one of batched, single, prepared, copy'],
    ['SYNCHRONOUS_COMMIT', 'maybe', 'one of on, off, local, remote_write, remote_apply'],
    ['RATE_LIMIT_PER_S', '-1', 'a whole number from 0 to 1000000'],
    ['QUEUE_LIMIT', '0', 'a whole number from 1 to 10000000'],
    ['REQUEST_DEADLINE_MS', '99', 'a whole number from 100 to 600000'],
    ['HEADERS_TIMEOUT_MS', '99', 'a whole number from 100 to 3600000'],
    ['REQUEST_TIMEOUT_MS', '0', 'a whole number from 100 to 3600000'],
    ['KEEP_ALIVE_TIMEOUT_MS', 'never', 'a whole number from 100 to 3600000'],
    ['SHUTDOWN_GRACE_MS', '600001', 'a whole number from 0 to 600000'],
    ['TELEMETRY', 'on', 'one of off, ledger, metrics, full'],
    ['LOG_LEVEL', 'loud', 'one of fatal, error, warn, info, debug, trace, silent'],
  ])('refuses %s=%s in one line that names it and what it takes', (name, value, remedy) => {
    expect(() => readConfig({ [name]: value })).toThrow(
      expect.objectContaining({
        name: 'StartError',
        message: `${name} cannot be "${value}". Set ${name} to ${remedy}.`,
      }),
    )
  })

  it.each(['mysql://app:hunter2@db/texts', 'app:hunter2@db/texts'])(
    'refuses DATABASE_URL=%s without repeating the password',
    url => {
      expect(() => readConfig({ DATABASE_URL: url })).toThrow(
        expect.objectContaining({
          name: 'StartError',
          message: expect.stringMatching(/^DATABASE_URL [^\n]*Set DATABASE_URL to a URL such as [^\n]*$/),
        }),
      )
      expect(() => readConfig({ DATABASE_URL: url })).not.toThrow(/hunter2/)
    },
  )

  it.each(['hunter2', 'hunter2 with a blank', 'hunter2\nhunter2hunter2'])(
    'refuses ADMIN_TOKEN=%j without repeating it',
    token => {
      const read = () => readConfig({ ADMIN_TOKEN: token })
      expect(read).toThrow(
        /^ADMIN_TOKEN cannot be its present value\. Set ADMIN_TOKEN to at least 16 letters[^\n]*$/,
      )
      expect(read).not.toThrow(/hunter2/)
    },
  )

  it('names the first wrong variable where several are wrong', () => {
    expect(() => readConfig({ PORT: 'a', POOL_SIZE: 'b' })).toThrow(/^PORT cannot be "a"\. [^\n]*$/)
  })

  it('keeps a value that spans lines on one line', () => {
    expect(() => readConfig({ PORT: '80\n90' })).toThrow(/^[^\n]*$/)
  })
})
