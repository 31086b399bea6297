import { once } from 'node:events'
import { Agent, type IncomingMessage, request } from 'node:http'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest'
import { findFreePort } from '../../src/lab/stack/free-port.ts'
import { createConnectedDatabase } from '../helpers/database.ts'
import { available, run } from '../programs.ts'
import { type Container, canRender, type Manifest, type Pod, render } from './manifests.ts'

/**
 * The containers of deploy/k8s/overlays/kind on a Docker engine, as the kubelet would start them: command, user,
 * read-only file system, no capabilities, memory limit, environment. Only addresses differ. CI has no engine.
 */
const image = process.env['INSERTLAB_IMAGE'] ?? 'insertlab-service:0.1.0'
const hasEngine = !process.env['CI'] && canRender && available('docker')
const hasImage = hasEngine && (await run('docker', ['image', 'inspect', image])).code === 0

const manifests = hasImage ? await render('overlays/kind') : []
const find = (kind: string, name: string) =>
  manifests.find(each => each.kind === kind && each.metadata.name.startsWith(name)) as Manifest
const podOf = (kind: string, name: string) =>
  (find(kind, name).spec as { template: { spec: Pod } }).template.spec

describe.skipIf(!hasImage)('the containers of the manifests', () => {
  let database: Awaited<ReturnType<typeof createConnectedDatabase>>

  beforeAll(async () => {
    database = await createConnectedDatabase()
  })
  afterAll(() => database.drop())

  /** What the kubelet makes of a container, as arguments of `docker run`. */
  function dockerRun(pod: Pod, container: Container, addresses: Record<string, string>): string[] {
    const { username, password, hostname, port, pathname } = new URL(database.url)
    const [program, ...args] = container.command ?? []
    const environment = {
      ...find('ConfigMap', 'service-').data,
      // The Secret's.
      PGUSER: username,
      PGPASSWORD: decodeURIComponent(password),
      PGDATABASE: pathname.slice(1),
      PGHOST: hostname,
      PGPORT: port,
      ...addresses,
    }
    return [
      'run',
      '--detach',
      '--network=host',
      '--read-only',
      '--cap-drop=ALL',
      '--security-opt=no-new-privileges',
      `--user=${pod.securityContext?.runAsUser}`,
      `--memory=${container.resources?.limits?.['memory']?.replace('Mi', 'm')}`,
      ...(container.volumeMounts ?? []).map(({ mountPath }) => `--tmpfs=${mountPath}`),
      ...Object.entries(environment).map(([name, value]) => `--env=${name}=${value}`),
      ...(program === undefined ? [] : [`--entrypoint=${program}`]),
      image,
      ...args,
    ]
  }

  async function docker(...args: string[]): Promise<string> {
    const { code, stdout, output } = await run('docker', args)
    if (code !== 0) throw new Error(output)
    return stdout.trim()
  }

  async function startContainer(pod: Pod, addresses: Record<string, string>): Promise<string> {
    const id = await docker(...dockerRun(pod, pod.containers[0] as Container, addresses))
    onTestFinished(async () => {
      await docker('rm', '--force', id)
    })
    return id
  }

  async function startService() {
    const [port, adminPort] = [await findFreePort(), await findFreePort()]
    const pod = podOf('Deployment', 'service')
    const id = await startContainer(pod, { PORT: String(port), ADMIN_PORT: String(adminPort) })
    const url = `http://127.0.0.1:${port}`
    await expect.poll(() => statusOf(`${url}/readyz`), { timeout: 60_000 }).toBe(200)
    return { id, url, pod, adminUrl: `http://127.0.0.1:${adminPort}` }
  }

  test('the migration ends by itself, and finds its work done the second time', async () => {
    await database.sql.query('DROP TABLE insertlab_schema_version, simple_text, tasks')
    for (const _ of ['migrates', 'has nothing to do']) {
      const id = await startContainer(podOf('Job', 'migrate'), {})
      expect(await docker('wait', id)).toBe('0')
    }
    expect((await database.sql.query('SELECT FROM simple_text')).rowCount).toBe(0)
  })

  test('the service answers its probes, and cannot write to its image', async () => {
    const { id, url, adminUrl } = await startService()
    expect(await statusOf(`${url}/livez`)).toBe(200)
    expect(await statusOf(`${adminUrl}/metrics`)).toBe(200)
    const write = (file: string) =>
      run('docker', ['exec', id, 'node', '-e', `fs.writeFileSync('${file}', 'x')`])
    expect((await write('/app/x')).output).toContain('EROFS')
    expect((await write('/tmp/x')).code).toBe(0)
    const { stdout } = await run('docker', ['exec', id, 'node', '-p', 'process.getuid()'])
    expect(Number(stdout)).toBeGreaterThan(0)
  })

  test('SIGTERM under load ends it within its grace, and loses no request', async () => {
    const [old, next] = await Promise.all([startService(), startService()])
    const clients = Array.from({ length: 16 }, () => new Client(old.url))
    let isOver = false
    const load = clients.map(async client => {
      while (!isOver) await client.ask('/test-insert?rows=1')
    })
    await sleep(1_000)
    // The endpoints change while preStop sleeps: new connections go to the new pod, those that are open stay.
    for (const client of clients) client.nextUrl = next.url
    const startedMs = performance.now()
    await docker('kill', '--signal=TERM', old.id)
    const exitCode = await docker('wait', old.id)
    expect(exitCode, (await run('docker', ['logs', old.id])).output).toBe('0')
    const tookS = (performance.now() - startedMs) / 1000
    isOver = true
    await Promise.all(load)

    const graceS = old.pod.terminationGracePeriodSeconds ?? 30
    const preStopS = old.pod.containers[0]?.lifecycle?.preStop.sleep.seconds ?? 0
    expect(tookS).toBeLessThan(graceS - preStopS)
    expect(clients.flatMap(({ failures }) => failures)).toEqual([])
    const answered = clients.reduce((sum, client) => sum + client.answered, 0)
    const { rows } = await database.sql.query('SELECT count(*) FROM simple_text')
    expect(answered).toBeGreaterThan(100)
    expect(Number(rows[0].count)).toBe(answered)
    expect(clients.every(client => client.url === next.url)).toBe(true)
  })
})

/** Keeps one connection, and takes a new one, to where new ones go, when it is told to leave. */
class Client {
  url: string
  nextUrl: string
  answered = 0
  readonly failures: string[] = []
  #agent = new Agent({ keepAlive: true, maxSockets: 1 })

  constructor(url: string) {
    this.url = url
    this.nextUrl = url
  }

  async ask(path: string): Promise<void> {
    try {
      const asked = request(`${this.url}${path}`, { agent: this.#agent }).end()
      const [answer] = (await once(asked, 'response')) as [IncomingMessage]
      await answer.resume().toArray()
      if (answer.statusCode === 200) this.answered += 1
      else this.failures.push(`status ${answer.statusCode}`)
      if (answer.headers.connection === 'close') {
        this.#agent.destroy()
        this.#agent = new Agent({ keepAlive: true, maxSockets: 1 })
        this.url = this.nextUrl
      }
    } catch (error) {
      this.failures.push(String(error))
    }
  }
}

function statusOf(url: string): Promise<number> {
  return fetch(url).then(
    answer => answer.status,
    () => 0,
  )
}
