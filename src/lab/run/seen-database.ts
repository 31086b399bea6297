import { Client } from 'pg'
import { LabError } from '../errors.ts'
import { isPooler, readServer } from '../probes/postgres/server.ts'
import { listPids, readOrNull, readStat } from '../probes/proc.ts'

/** How one backend is known: its pid as the server sees it, and the port of its client in its process title. */
export interface Backend {
  readonly pid: number
  /** null where the client came by a Unix socket. */
  readonly clientPort: number | null
}

/** The database of a target, as far as this machine and the server let it be seen. */
export interface SeenDatabase {
  /** The server's first process; null where this machine does not see it. */
  readonly pid: number | null
  /** Where its statistics can be read; null where they are out of reach. */
  readonly url: string | null
  /** Which of its figures are unavailable, a sentence each. */
  readonly unavailable: readonly string[]
}

/**
 * The PostgreSQL server behind a URL, and what of it can be read. Its processes are found also in a container, behind
 * a port that is forwarded, or behind a pooler, where whoever listens on the port is not the database: it is asked for
 * the backend that serves the question. Statistics are not read through a pooler, whose few connections are part of
 * what is measured. Throws LAB_TARGET where it cannot be asked.
 *
 * @param option the command line's name for the URL
 */
export async function seeDatabase(
  url: string,
  option: '--database' | '--database-url',
): Promise<SeenDatabase> {
  const client = new Client({ connectionString: url, connectionTimeoutMillis: 5_000 })
  client.on('error', () => {})
  try {
    const isPooled = await isPooler(url)
    await client.connect()
    const pid = await serverPid(client)
    if (isPooled) return { pid, url: null, unavailable: [behindPooler(option)] }
    const { version, untold } = await readServer(client)
    return { pid, url, unavailable: untold.map(what => `PostgreSQL ${version} does not tell ${what}.`) }
  } catch (error) {
    throw new LabError(
      'LAB_TARGET',
      `the database cannot be queried: ${error instanceof Error ? error.message : String(error)}`,
      `Give ${option} as postgresql://user:password@host:port/name, or leave it out: then its CPU is not read.`,
      { cause: error },
    )
  } finally {
    await client.end()
  }
}

function behindPooler(option: string): string {
  return `A pooler such as PgBouncer answers at the address of ${option}, so the statistics of PostgreSQL are out of reach. Give the address of PostgreSQL itself.`
}

async function serverPid(client: Client): Promise<number | null> {
  const { rows } = await client.query<Backend>(
    'SELECT pg_backend_pid() AS pid, inet_client_port() AS "clientPort"',
  )
  const [backend] = rows
  return backend === undefined ? null : postmasterOf(backend)
}

function postmasterOf(backend: Backend): number | null {
  const found = listPids().find(pid =>
    isBackend(backend, readOrNull(`/proc/${pid}/status`) ?? '', readOrNull(`/proc/${pid}/cmdline`) ?? ''),
  )
  return found === undefined ? null : (readStat(found)?.parentPid ?? null)
}

/**
 * Whether a process, as `/proc/<pid>/status` and `cmdline` show it (proc_pid_status(5)), is that backend. In a
 * container its pid is the last of NSpid; another container may have the same, hence the port.
 */
export function isBackend({ pid, clientPort }: Backend, status: string, title: string): boolean {
  const innermostPid = /^NSpid:.*\b(\d+)$/m.exec(status)?.[1]
  return (
    Number(innermostPid) === pid &&
    title.startsWith('postgres: ') &&
    (clientPort === null || title.includes(`(${clientPort})`))
  )
}
