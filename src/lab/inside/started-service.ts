import { statSync } from 'node:fs'
import { delimiter, join, resolve } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { LabError } from '../errors.ts'
import { isCertificateError } from '../load/first-request.ts'
import { masked } from '../secrets.ts'
import { type GuardedProcess, spawnGuarded } from '../stack/janitor.ts'
import { keepTail, lastErrorLine } from '../stack/output-tail.ts'
import { compileLedger } from './plain-ledger.ts'

export interface StartOptions {
  /** As a person would type it into a shell. */
  readonly command: string
  /** The folder in which the command runs. */
  readonly folder: string
  /** The service is ready as soon as this answers anything. */
  readonly url: string
  readonly signal: AbortSignal
}

export interface StartedService extends AsyncDisposable {
  /** The shell that runs the command: the root of the service's processes. */
  readonly pid: number
  /** The newest output. */
  log(): string
  /** Throws LAB_TARGET, with the exit code and the last error line, if the command has ended or does so at once. */
  requireRunning(): Promise<void>
}

const startLimitMs = 60_000
const retryMs = 50
const endingMs = 1_000
const answerLimitMs = 5_000

/**
 * Starts the user's service with the CPU ledger in each of its Node processes, and waits until the URL answers. Nothing of
 * the service is changed: the ledger comes through `NODE_OPTIONS`. Disposing of it ends its whole process group.
 *
 * Throws LAB_USAGE if there is no such folder, LAB_TARGET if something answers at the URL already, LAB_SERVICE_START if
 * the service ends or does not answer.
 */
export async function startWithLedger(options: StartOptions): Promise<StartedService> {
  const { command, folder, url, signal } = options
  if (!statSync(folder, { throwIfNoEntry: false })?.isDirectory()) {
    throw new LabError('LAB_USAGE', `--cwd ${folder} is no folder`, 'Correct --cwd.')
  }
  if (await answers(url, signal)) {
    throw new LabError(
      'LAB_TARGET',
      `something answers at ${masked(url)} before the service is started`,
      'Stop it, or leave --start out.',
    )
  }
  const ledger = await compileLedger()
  const service = await spawnGuarded(command, [], {
    shell: true,
    cwd: resolve(folder),
    env: environmentWith(ledger, process.env),
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  const log = keepTail(service.child.stdout, service.child.stderr)
  const errors = keepTail(service.child.stderr)
  let exit: Awaited<GuardedProcess['ended']> | undefined
  service.ended.then(how => {
    exit = how
  })
  const complaint = () => lastErrorLine(errors()) ?? lastErrorLine(log()) ?? 'it said nothing'
  const endedHow = () => (exit === undefined ? null : `ended with ${exit.code ?? exit.signal}`)
  try {
    const failure = await untilAnswering(url, endedHow, signal)
    if (failure !== null) {
      throw new LabError(
        'LAB_SERVICE_START',
        masked(`"${command}" ${failure}: ${complaint()}`),
        'Correct --start, --cwd or --url. The command must stay in the foreground.',
      )
    }
  } catch (error) {
    await service.end()
    throw error
  }
  return {
    pid: service.pid,
    log,
    async requireRunning() {
      // A port is closed some time before the command around the service has ended.
      await Promise.race([service.ended, pause(endingMs, undefined, { signal, ref: false })])
      const how = endedHow()
      if (how === null) return
      throw new LabError(
        'LAB_TARGET',
        masked(`the service, "${command}", ${how}: ${complaint()}`),
        'What was measured until then is kept. Fix the service; if only the load ends it, try a lower --max-connections.',
      )
    },
    [Symbol.asyncDispose]: () => service.end(),
  }
}

/**
 * The environment as the user's shell has it, plus the ledger. What `npm run lab` added to it is removed: the service would
 * otherwise run on the Node of the lab.
 */
export function environmentWith(ledger: string, environment: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  const { NODE_OPTIONS: own = '', PATH: path = '' } = environment
  const users = Object.entries(environment).filter(
    ([name]) => !/^npm_/i.test(name) && name !== 'NODE' && name !== 'INIT_CWD',
  )
  return {
    ...Object.fromEntries(users),
    PATH: path
      .split(delimiter)
      .filter(one => !isOfNpm(one))
      .join(delimiter),
    NODE_OPTIONS: `${own} --import ${ledger}`.trim(),
    CPU_LEDGER_PORT: '0',
  }
}

const repository = fileURLToPath(new URL('../../..', import.meta.url))

/** npm puts the programs of the project, and of the folders above it, before all others. */
function isOfNpm(entry: string): boolean {
  if (entry.endsWith(join('run-script', 'lib', 'node-gyp-bin'))) return true
  const project = /^(.*)[/\\]node_modules[/\\]\.bin$/.exec(entry)?.[1]
  return project !== undefined && repository.startsWith(project)
}

/** Why it does not answer, in words that follow the command; null: it answers. */
async function untilAnswering(
  url: string,
  endedHow: () => string | null,
  signal: AbortSignal,
): Promise<string | null> {
  const deadline = performance.now() + startLimitMs
  while (performance.now() < deadline) {
    const ended = endedHow()
    if (ended !== null) return ended
    if (await answers(url, signal)) return null
    await pause(retryMs, undefined, { signal })
  }
  return `did not answer at ${url} within ${startLimitMs / 1000} s`
}

/** Whether anything comes back, of any status. */
async function answers(url: string, signal: AbortSignal): Promise<boolean> {
  signal.throwIfAborted()
  try {
    const patience = AbortSignal.any([signal, AbortSignal.timeout(answerLimitMs)])
    const response = await fetch(url, { redirect: 'manual', signal: patience })
    await response.body?.cancel()
    return true
  } catch (error) {
    signal.throwIfAborted()
    // A certificate that Node does not accept is an answer too: the check with --insecure follows.
    return error instanceof Error && isCertificateError(error.cause)
  }
}
