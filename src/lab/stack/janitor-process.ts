import { rm } from 'node:fs/promises'
import { createInterface } from 'node:readline'
import { endProcessGroup } from './process-group.ts'

/**
 * The helper process of `janitor.ts`. It reads one message per line. When its standard input ends, because
 * the lab ended, it cleans up what is still guarded and ends too.
 */
export type JanitorMessage =
  | { do: 'guard-group'; pid: number; signal: NodeJS.Signals; graceMs: number }
  | { do: 'release-group'; pid: number }
  | { do: 'guard-folder'; path: string }
  | { do: 'release-folder'; path: string }

const groups = new Map<number, { signal: NodeJS.Signals; graceMs: number }>()
const folders = new Set<string>()

function obey(message: JanitorMessage): void {
  if (message.do === 'guard-group') groups.set(message.pid, message)
  else if (message.do === 'release-group') groups.delete(message.pid)
  else if (message.do === 'guard-folder') folders.add(message.path)
  else folders.delete(message.path)
}

for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => {})

try {
  for await (const line of createInterface({ input: process.stdin })) obey(JSON.parse(line))
} catch {
  // A pipe that breaks instead of closing means the same: the lab is gone.
}
await Promise.all([...groups].map(([pid, { signal, graceMs }]) => endProcessGroup(pid, signal, graceMs)))
await Promise.all(
  [...folders].map(path => rm(path, { recursive: true, force: true, maxRetries: 10, retryDelay: 100 })),
)
