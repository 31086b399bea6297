/**
 * Continuous profiling with nothing of it in the service: takes a V8 profile from each worker's admin port, over and
 * over, and hands it to Pyroscope. The service pays for it (sampling, and a profile to serialise every ten seconds)
 * only while this runs; do not measure beside it.
 *
 * ADMIN_URL      the service's admin port, which names the workers (http://service:9464)
 * ADMIN_TOKEN    the service's, where it has one
 * PYROSCOPE_URL  http://pyroscope:4040
 * PROFILE_S      seconds of one profile (10)
 */
import { setTimeout as sleep } from 'node:timers/promises'

/** What is read of a V8 `.cpuprofile`; times in microseconds. */
export interface CpuProfile {
  nodes: readonly ProfileNode[]
  /** The innermost node at each tick of the sampler. */
  samples: readonly number[]
  startTime: number
  endTime: number
}
interface ProfileNode {
  id: number
  callFrame: { functionName: string; url: string }
  children?: readonly number[]
}

/** Collapsed stacks: a line a stack, outermost call first, and how often it was seen. Idle time is no CPU and left out. */
export function collapsed({ nodes, samples }: CpuProfile): string {
  const seen = new Map<number, number>()
  for (const id of samples) seen.set(id, (seen.get(id) ?? 0) + 1)
  const byId = new Map(nodes.map(node => [node.id, node]))
  const lines: string[] = []
  const visit = (id: number, callers: readonly string[]) => {
    const node = byId.get(id)
    if (node === undefined || node.callFrame.functionName === '(idle)') return
    const stack = node.callFrame.functionName === '(root)' ? callers : [...callers, nameOf(node)]
    const count = seen.get(id)
    if (count !== undefined && stack.length > 0) lines.push(`${stack.join(';')} ${count}`)
    for (const child of node.children ?? []) visit(child, stack)
  }
  if (nodes[0] !== undefined) visit(nodes[0].id, [])
  return lines.join('\n')
}

/** The function and where it is from: a path within its package or our source. */
function nameOf({ callFrame: { functionName, url } }: ProfileNode): string {
  const file = url.replace(/^.*\/(node_modules|app)\//, '')
  return `${functionName || '(anonymous)'}${file === '' ? '' : ` ${file}`}`.replaceAll(';', ',')
}

/** For the admin ports. */
const token = process.env['ADMIN_TOKEN']
const admin: RequestInit = token ? { headers: { authorization: `Bearer ${token}` } } : {}

async function fetched(url: string | URL, init?: RequestInit): Promise<Response> {
  const answer = await fetch(url, init)
  if (!answer.ok) throw new Error(`${url} answered ${answer.status}`)
  return answer
}

interface Target {
  targets: readonly string[]
  labels: Readonly<Record<string, string>>
}

async function profileWorker(
  address: string,
  labels: Target['labels'],
  pyroscopeUrl: string,
  seconds: number,
) {
  const answer = await fetched(`http://${address}/debug/cpu-profile?seconds=${seconds}`, admin)
  const profile = (await answer.json()) as CpuProfile
  const durationS = (profile.endTime - profile.startTime) / 1e6
  const untilS = Math.floor(Date.now() / 1000)
  const ingest = new URL('/ingest', pyroscopeUrl)
  const tags = Object.entries(labels).map(([name, value]) => `${name}=${value}`)
  ingest.search = new URLSearchParams({
    name: `insertlab{${tags.join(',')}}`,
    from: String(untilS - Math.round(durationS)),
    until: String(untilS),
    format: 'folded',
    // As it was, not as it was asked for: on a busy machine the sampler comes late.
    sampleRate: String(Math.round(profile.samples.length / durationS)),
    spyName: 'nodespy',
  }).toString()
  await fetched(ingest, { method: 'POST', body: collapsed(profile) })
}

async function profileForEver(adminUrl: string, pyroscopeUrl: string, seconds: number): Promise<never> {
  for (;;) {
    try {
      const workers = (await (await fetched(`${adminUrl}/targets`, admin)).json()) as Target[]
      await Promise.all(
        workers.flatMap(({ targets, labels }) =>
          targets.map(address => profileWorker(address, labels, pyroscopeUrl, seconds)),
        ),
      )
    } catch (error) {
      // A worker that restarts or a Pyroscope that is not there yet.
      const { message, cause } = error as Error
      console.error(`no profile: ${message}${cause instanceof Error ? `, ${cause.message}` : ''}`)
      await sleep(5000)
    }
  }
}

if (import.meta.main) {
  await profileForEver(
    process.env['ADMIN_URL'] ?? 'http://service:9464',
    process.env['PYROSCOPE_URL'] ?? 'http://pyroscope:4040',
    Number(process.env['PROFILE_S'] ?? 10),
  )
}
