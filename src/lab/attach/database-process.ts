import pg from 'pg'
import { LabError } from '../errors.ts'
import { listPids, readOrNull, readStat } from '../probes/proc.ts'

/** How one backend is known: its pid as the server sees it, and the port of its client in its process title. */
export interface Backend {
  readonly pid: number
  /** null where the client came by a Unix socket. */
  readonly clientPort: number | null
}

/**
 * The PostgreSQL server behind a URL, if this machine sees its processes: also in a container, behind a port that is
 * forwarded, or behind a pooler, where whoever listens on the port is not the database. It is asked for the
 * backend that serves the question. null for one elsewhere. Throws LAB_TARGET where it cannot be asked.
 */
export async function databaseProcess(url: string): Promise<number | null> {
  const client = await connected(url)
  try {
    const { rows } = await client.query<Backend>(
      'SELECT pg_backend_pid() AS pid, inet_client_port() AS "clientPort"',
    )
    const [backend] = rows
    return backend === undefined ? null : postmasterOf(backend)
  } finally {
    await client.end()
  }
}

async function connected(url: string): Promise<pg.Client> {
  try {
    const client = new pg.Client({ connectionString: url, connectionTimeoutMillis: 5_000 })
    await client.connect()
    return client
  } catch (error) {
    throw new LabError(
      'LAB_TARGET',
      `the database cannot be asked: ${error instanceof Error ? error.message : String(error)}`,
      'Give --database as postgresql://user:password@host:port/name, or leave it out: then its CPU is not read.',
      { cause: error },
    )
  }
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
