import { readFileSync } from 'node:fs'

/** Versions of packages as the files of `deploy/peers` pin them, for example `fastify 5.12.8, pg 8.23.1`. */

/** @param file package.json, with exact versions */
export function nodeVersions(file: string, packages: readonly string[]): string {
  const { dependencies = {} } = JSON.parse(readFileSync(file, 'utf8')) as {
    dependencies?: Record<string, string>
  }
  return listed([['Node', process.version], ...packages.map(name => [name, dependencies[name]] as const)])
}

/** @param file requirements.txt, as uv writes it; of a package with several versions the first that fits 3.11 */
export function pythonVersions(file: string, python: string, packages: readonly string[]): string {
  const text = readFileSync(file, 'utf8')
  const versionOf = (name: string) => new RegExp(`^${name}(?:\\[[^\\]]*\\])?==(\\S+)`, 'm').exec(text)?.[1]
  return listed([['Python', python], ...packages.map(name => [name, versionOf(name)] as const)])
}

/** @param file go.mod */
export function goVersions(file: string, go: string, packages: readonly string[]): string {
  const text = readFileSync(file, 'utf8')
  const versionOf = (name: string) => text.split('\n').find(line => line.includes(`${name} v`))
  return listed([
    ['Go', go],
    ...packages.map(name => [shortName(name), versionOf(name)?.match(/ v(\S+)/)?.[1]] as const),
  ])
}

/** @param file Cargo.lock */
export function rustVersions(file: string, rust: string, packages: readonly string[]): string {
  const text = readFileSync(file, 'utf8')
  const versionOf = (name: string) => new RegExp(`name = "${name}"\\nversion = "([^"]+)"`).exec(text)?.[1]
  return listed([['Rust', rust], ...packages.map(name => [name, versionOf(name)] as const)])
}

function shortName(module: string): string {
  return module.replace(/\/v\d+$/, '').replace(/^.*\//, '')
}

function listed(versions: readonly (readonly [string, string | undefined])[]): string {
  return versions.map(([name, version]) => `${name} ${version?.replace(/^v/, '') ?? 'unknown'}`).join(', ')
}
