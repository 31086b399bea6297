import { addAbortListener } from 'node:events'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { createGuardedFolder, removeGuardedFolder, spawnGuarded } from '../stack/janitor.ts'

/** More often than py-spy's 100: a window has seconds, not minutes. It stops the process for each sample. */
const samplesPerS = 200

/**
 * Lets py-spy look into a Python process and its workers for some seconds.
 *
 * @param command the py-spy to run
 * @returns collapsed stacks of threads that were running; null where py-spy may not look (another user's process,
 * ptrace forbidden) or is not in time
 */
export async function recordPython(
  command: string,
  pid: number,
  seconds: number,
  signal: AbortSignal,
): Promise<string | null> {
  const folder = createGuardedFolder()
  try {
    const file = join(folder, 'stacks.txt')
    const { ended, end } = await spawnGuarded(
      command,
      [
        ...['record', '--pid', String(pid), '--subprocesses', '--duration', String(seconds)],
        ...['--rate', String(samplesPerS), '--format', 'raw', '--full-filenames', '--output', file],
      ],
      { stdio: 'ignore', stopSignal: 'SIGKILL' },
    )
    using _ = addAbortListener(AbortSignal.any([signal, AbortSignal.timeout(3000 * seconds)]), end)
    const { code } = await ended
    return code === 0 ? await readFile(file, 'utf8') : null
  } catch {
    return null
  } finally {
    await removeGuardedFolder(folder)
  }
}
