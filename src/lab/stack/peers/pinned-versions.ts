import { readFileSync } from 'node:fs'
import { join } from 'node:path'

/** The pattern of a line that pins a package, by the file that pins it. */
const pins = {
  'package.json': (name: string) => `"${name}": "(.+)"`,
  // As uv writes it. Of a package with several versions, the first is the one for Python 3.11.
  'requirements.txt': (name: string) => `^${name}(?:\\[[^\\]]*\\])?==(\\S+)`,
  'go.mod': (name: string) => `/${name}(?:/v\\d+)? v(\\S+)`,
  'Cargo.lock': (name: string) => `name = "${name}"\\nversion = "([^"]+)"`,
}

/**
 * Versions of packages as a file of a folder pins them, for example `Node 24.21.0, fastify 5.12.8, pg 8.23.1`.
 *
 * @param runtime stands first
 */
export function pinnedVersions(
  runtime: string,
  folder: string,
  file: keyof typeof pins,
  packages: readonly string[],
): string {
  const text = readFileSync(join(folder, file), 'utf8')
  const versionOf = (name: string) => new RegExp(pins[file](name), 'm').exec(text)?.[1] ?? 'unknown'
  return [runtime, ...packages.map(name => `${name} ${versionOf(name)}`)].join(', ')
}

export const nodeRuntime = `Node ${process.versions.node}`
