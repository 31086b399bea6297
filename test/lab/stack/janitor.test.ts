import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { chmodSync, existsSync, mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { spawnGuarded } from '../../../src/lab/stack/janitor.ts'
import { expectGone, listProcesses, processTree } from '../../helpers/processes.ts'

const script = fileURLToPath(new URL('./lab-stand-in.ts', import.meta.url))

/** Everything the stand-in makes carries this folder in its path or command line. */
let temporary: string
let lab: ChildProcess
let labPid: number

beforeEach(() => {
  temporary = mkdtempSync(join(tmpdir(), 'janitor-test-'))
  chmodSync(temporary, 0o755)
  lab = spawn(process.execPath, [script], {
    env: { ...process.env, TMPDIR: temporary },
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  if (lab.pid === undefined) throw new Error('the stand-in was not started')
  labPid = lab.pid
})

afterEach(() => {
  lab.kill('SIGKILL')
  rmSync(temporary, { recursive: true, force: true })
})

async function waitForPath(pattern: RegExp): Promise<void> {
  const seen = () =>
    readdirSync(temporary, { recursive: true, encoding: 'utf8' }).some(path => pattern.test(path))
  await expect.poll(seen, { interval: 10 }).toBe(true)
}

async function expectNothingLeft(pids: readonly number[]): Promise<void> {
  await expectGone(pids)
  await expect.poll(() => readdirSync(temporary)).toEqual([])
  expect((await listProcesses()).filter(each => each.command.includes(temporary))).toEqual([])
}

describe.each(['SIGKILL', 'SIGINT', 'SIGTERM'] as const)('after %s of the lab', signal => {
  it('no process and no folder is left when everything runs', async () => {
    if (lab.stdout === null) throw new Error('stdout is a pipe')
    await once(lab.stdout, 'data')
    const pids = await processTree(labPid)
    // The lab, its janitor, the postmaster with its helpers, the stubborn shell.
    expect(pids.length).toBeGreaterThan(6)
    process.kill(labPid, signal)
    await expectNothingLeft(pids)
  })

  it('no process and no folder is left when the cluster is just being made', async () => {
    await waitForPath(/data\/base$/)
    const pids = await processTree(labPid)
    expect(pids.length).toBeGreaterThan(2)
    process.kill(labPid, signal)
    await expectNothingLeft(pids)
  })
})

describe('spawnGuarded', () => {
  it('kills what a process leaves behind in its group when it exits', async () => {
    const leader = await spawnGuarded('sh', ['-c', 'sleep 600 & echo $!'], {
      stdio: ['ignore', 'pipe', 'ignore'],
    })
    if (leader.child.stdout === null) throw new Error('stdout is a pipe')
    const [orphan] = await once(leader.child.stdout.setEncoding('utf8'), 'data')
    await expectGone([Number(orphan)])
    expect(await leader.ended).toEqual({ code: 0, signal: null })
  })

  it('rejects when there is no such program', async () => {
    await expect(spawnGuarded(join(temporary, 'absent'), [])).rejects.toMatchObject({ code: 'ENOENT' })
    expect(existsSync(temporary)).toBe(true)
  })
})
