import { execFileSync } from 'node:child_process'
import { delimiter, join } from 'node:path'

export interface Node {
  readonly version: string
  /** The program's path. */
  readonly node: string
}

/** The oldest that the ledger's package.json allows. */
const oldestMajor = 20

/** What runs this. */
export const ownNode: Node = { version: process.version, node: process.execPath }

/** Other versions that are installed on this machine, one of each major version that the package is for. */
export function otherNodes(): Node[] {
  const folders = (process.env['PATH'] ?? '').split(delimiter).filter(path => !path.includes('node_modules'))
  const byMajor = new Map<number, Node>()
  for (const folder of folders) {
    const node = join(folder, 'node')
    const version = versionOf(node)
    const major = Number(/^v(\d+)/.exec(version ?? '')?.[1])
    if (version !== null && major >= oldestMajor && !byMajor.has(major)) byMajor.set(major, { version, node })
  }
  byMajor.delete(Number(/^v(\d+)/.exec(process.version)?.[1]))
  return [...byMajor.values()]
}

function versionOf(node: string): string | null {
  try {
    return execFileSync(node, ['--version'], { encoding: 'utf8' }).trim()
  } catch {
    return null
  }
}
