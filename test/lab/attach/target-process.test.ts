import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { targetProcesses } from '../../../src/lab/attach/target-process.ts'
import { findFreePort } from '../../../src/lab/stack/free-port.ts'
import { startSharing } from '../../fixtures/start-sharing-service.ts'

const url = 'http://127.0.0.1:8000'

describe.runIf(process.platform === 'linux')('what is named', () => {
  let folder = ''
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'docker-'))
  })
  afterEach(() => {
    vi.unstubAllEnvs()
    rmSync(folder, { recursive: true })
  })

  /** A docker command that knows one container, `shop`. */
  function installDocker(pid: number): void {
    const script = [
      '#!/bin/sh',
      'case "$*" in',
      `inspect*--*shop*|inspect*--*c0ffee*) echo ${pid};;`,
      'ps*publish=*) echo c0ffee;;',
      '*) echo "No such object" >&2; exit 1;;',
      'esac',
    ]
    writeFileSync(join(folder, 'docker'), `${script.join('\n')}\n`, { mode: 0o755 })
    vi.stubEnv('PATH', `${folder}:${process.env['PATH']}`)
  }

  test('a container is its first process', async () => {
    installDocker(process.pid)
    expect(await targetProcesses({ container: 'shop' }, url)).toEqual({ pids: [process.pid] })
    await expect(targetProcesses({ container: 'gone' }, url)).rejects.toMatchObject({
      code: 'LAB_TARGET',
      message: 'the container gone does not run: No such object',
      remedy: expect.stringContaining('--pid'),
    })
  })

  test('a container without a docker command is said', async () => {
    vi.stubEnv('PATH', folder)
    await expect(targetProcesses({ container: 'shop' }, url)).rejects.toMatchObject({
      message: 'there is no docker command to ask for the container',
    })
  })

  test('a port that Docker forwards is that of the container', async () => {
    const port = await findFreePort()
    await using forwarder = await startSharing('alone', port, { argv0: '/usr/bin/docker-proxy' })
    installDocker(process.pid)
    const found = await targetProcesses({}, `http://127.0.0.1:${port}`)
    expect(found).toEqual({ pids: [process.pid] })
    expect(forwarder.pid).not.toBe(process.pid)
  })

  test('a process must be there', async () => {
    expect(await targetProcesses({ pid: process.pid }, url)).toEqual({ pids: [process.pid] })
    await expect(targetProcesses({ pid: 4_194_304 }, url)).rejects.toMatchObject({
      message: 'there is no process 4194304',
    })
  })
})
