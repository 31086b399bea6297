import { createHash, randomUUID } from 'node:crypto'
import { existsSync, readFileSync } from 'node:fs'
import { mkdir, rename, rm } from 'node:fs/promises'
import { homedir } from 'node:os'
import { join } from 'node:path'

/** Packages and binaries of the peers: the only files that a run leaves outside `results/`. */
export function cacheFolder(): string {
  const { INSERTLAB_CACHE, XDG_CACHE_HOME } = process.env
  return INSERTLAB_CACHE || join(XDG_CACHE_HOME || join(homedir(), '.cache'), 'insertlab')
}

/** A name that changes with the content of the files and with the words. */
export function fingerprint(files: readonly string[], ...words: readonly string[]): string {
  const hash = createHash('sha256')
  for (const file of files) hash.update(readFileSync(file)).update('\0')
  for (const word of words) hash.update(word).update('\0')
  return hash.digest('hex').slice(0, 16)
}

/**
 * A folder of the cache. If it is missing, `fill` puts its content into an empty folder, which gets the name when it is
 * complete. So an interrupted run leaves no partial folder, and two labs can make it at the same time.
 */
export async function cachedFolder(name: string, fill: (path: string) => Promise<void>): Promise<string> {
  const path = join(cacheFolder(), name)
  if (existsSync(path)) return path
  const unfinished = `${path}.${randomUUID()}`
  await mkdir(unfinished, { recursive: true })
  try {
    await fill(unfinished)
    await rename(unfinished, path).catch(error => {
      if (!existsSync(path)) throw error
    })
    return path
  } finally {
    await rm(unfinished, { recursive: true, force: true })
  }
}
