import type { Peer } from './peer.ts'
import { pythonPeers } from './python.ts'

const inFolder = pythonPeers('fastapi', ['requirements.txt', 'profiler.txt'])

const packages = {
  report: ['fastapi', 'sqlalchemy', 'asyncpg'],
  tuned: ['fastapi', 'asyncpg', 'orjson'],
  blocking: ['fastapi', 'sqlalchemy', 'psycopg'],
}

/** One of the services of the reports in `deploy/peers/fastapi`. */
export function fastapi(app: keyof typeof packages): Peer {
  return inFolder({ args: ['server.py'], env: { APP: app }, packages: packages[app] })
}
