import { existsSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'

/** Preloaded into workers: one that starts while HOLD_FILE exists waits, and fails if FAIL_FILE exists then. */
if (process.env['INSERTLAB_WORKER'] !== undefined) {
  while (existsSync(process.env['HOLD_FILE'] ?? '')) await sleep(20)
  if (existsSync(process.env['FAIL_FILE'] ?? '')) process.exit(1)
}
