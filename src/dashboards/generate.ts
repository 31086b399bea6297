import { mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import type { Dashboard } from '@grafana/grafana-foundation-sdk/dashboard'
import { boards } from './boards.ts'

/**
 * Writes the dashboards that Grafana loads, or with `--check` only compares: what is committed must be what the code
 * says, because a change made in the JSON would be lost at the next generation.
 */
const folder = fileURLToPath(new URL('../../grafana/dashboards/', import.meta.url))

/** File name and text of every dashboard; the uid without its prefix names the file. */
export function render(dashboards: readonly Dashboard[]): Map<string, string> {
  return new Map(
    dashboards.map(dashboard => [
      `${dashboard.uid?.replace(/^insertlab-/, '')}.json`,
      `${JSON.stringify(dashboard, null, 2)}\n`,
    ]),
  )
}

/** Names of the files in which folder and code differ: changed, missing, or no longer generated. */
export async function drift(expected: ReadonlyMap<string, string>, directory = folder): Promise<string[]> {
  const present = await readdir(directory).catch((): string[] => [])
  const stale = present.filter(name => name.endsWith('.json') && !expected.has(name))
  const changed = await Promise.all(
    [...expected].map(async ([name, text]) =>
      present.includes(name) && (await readFile(`${directory}/${name}`, 'utf8')) === text ? [] : [name],
    ),
  )
  return [...stale, ...changed.flat()].sort()
}

async function write(expected: ReadonlyMap<string, string>, differing: readonly string[]): Promise<void> {
  await mkdir(folder, { recursive: true })
  for (const name of differing) {
    const text = expected.get(name)
    if (text === undefined) await rm(`${folder}/${name}`)
    else await writeFile(`${folder}/${name}`, text)
    console.log(`grafana/dashboards/${name} ${text === undefined ? 'removed' : 'written'}`)
  }
}

if (import.meta.main) {
  const { values } = parseArgs({ options: { check: { type: 'boolean', default: false } } })
  const expected = render(boards)
  const differing = await drift(expected)
  if (!values.check) await write(expected, differing)
  else if (differing.length > 0) {
    console.error(
      `grafana/dashboards differs from src/dashboards (${differing.join(', ')}): run npm run dashboards and commit the result`,
    )
    process.exitCode = 1
  }
}
