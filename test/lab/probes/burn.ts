/**
 * A process that uses CPU in every place the probe must look: its main thread, a worker thread that ends, a
 * child that ends and is waited for. Says what it used, by its own count, and then only waits.
 */
import { spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { isMainThread, Worker } from 'node:worker_threads'

const [, file = '', role = 'root'] = process.argv

function burn(ms: number): void {
  const before = process.threadCpuUsage()
  for (;;) {
    const { user, system } = process.threadCpuUsage(before)
    if (user + system >= ms * 1000) return
  }
}

if (!isMainThread) {
  burn(300)
} else if (role === 'child') {
  burn(300)
  console.log(usedUs())
} else {
  burn(300)
  await once(new Worker(fileURLToPath(import.meta.url)), 'exit')
  const child = spawnSync(process.execPath, [file, 'child'], { encoding: 'utf8' })
  console.log(usedUs() + Number(child.stdout))
  setTimeout(() => {}, 60_000)
}

function usedUs(): number {
  const { user, system } = process.cpuUsage()
  return user + system
}
