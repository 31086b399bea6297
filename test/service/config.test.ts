import { availableParallelism } from 'node:os'
import { describe, expect, it } from 'vitest'
import { readConfig } from '../../src/service/config.ts'

describe('readConfig', () => {
  it('has the documented defaults', () => {
    expect(readConfig({})).toEqual({
      HOST: '127.0.0.1',
      PORT: 8000,
      ADMIN_HOST: '127.0.0.1',
      ADMIN_PORT: 9464,
      WORKERS: 1,
      ACCESS_LOG: 'off',
      CONNECTION_MODE: 'pool',
      POOL_SIZE: 20,
      POOL_IDLE_TIMEOUT_MS: 30_000,
      BATCH_LINGER_MS: 0,
      INSERT_STRATEGY: 'batched',
      SYNCHRONOUS_COMMIT: 'on',
      RATE_LIMIT_PER_S: 0,
      QUEUE_LIMIT: 10_000,
      REQUEST_DEADLINE_MS: 10_000,
      HEADERS_TIMEOUT_MS: 10_000,
      REQUEST_TIMEOUT_MS: 60_000,
      KEEP_ALIVE_TIMEOUT_MS: 72_000,
      SHUTDOWN_GRACE_MS: 10_000,
      TELEMETRY: 'full',
      LOG_LEVEL: 'info',
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
      DATABASE_URL: 'postgresql://user:pass@db:5433/texts',
      PGOPTIONS: '-c work_mem=8MB',
      PGSSLMODE: 'verify-full',
      PGSSLROOTCERT: '/ca.pem',
      PGSSLCERT: '/client.pem',
      PGSSLKEY: '/client.key',
      MIGRATION_USER: 'owner',
      MIGRATION_PASSWORD: 'secret',
      HOST: '0.0.0.0',
      PORT: 0,
      ADMIN_HOST: '::1',
      ADMIN_PORT: 65_535,
      ADMIN_TOKEN: 'a-token-of-16-chars',
      WORKERS: 999,
      ACCESS_LOG: 'sync',
      CONNECTION_MODE: 'per-request',
      POOL_SIZE: 1,
      POOL_IDLE_TIMEOUT_MS: 0,
      BATCH_LINGER_MS: 2,
      INSERT_STRATEGY: 'copy',
      SYNCHRONOUS_COMMIT: 'off',
      RATE_LIMIT_PER_S: 100,
      QUEUE_LIMIT: 1,
      REQUEST_DEADLINE_MS: 100,
      HEADERS_TIMEOUT_MS: 100,
      REQUEST_TIMEOUT_MS: 3_600_000,
      KEEP_ALIVE_TIMEOUT_MS: 5_000,
      SHUTDOWN_GRACE_MS: 0,
      TELEMETRY: 'ledger',
      LOG_LEVEL: 'silent',
    })
  })

  it('starts a worker a core on WORKERS=auto', () => {
    expect(readConfig({ WORKERS: 'auto' }).WORKERS).toBe(availableParallelism())
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
