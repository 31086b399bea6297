import cluster from 'node:cluster'
import { pino } from 'pino'
import { standardOutput } from '../telemetry/standard-output.ts'
import { readConfig } from './config.ts'
import { endWithError } from './errors.ts'
import { settleTls } from './prepare-database.ts'
import { runWorker } from './worker.ts'
import { runSupervisor } from './workers.ts'

/**
 * The entry point: it reads the environment, then runs one process that serves, or a supervisor of several. If the
 * start fails, it writes one line to standard error and ends with exit code 1.
 */
try {
  const config = await settleTls(readConfig(process.env))
  const log = pino({ level: config.LOG_LEVEL }, standardOutput({ sync: true }).stream)
  if (cluster.isPrimary && config.WORKERS > 1) await runSupervisor(config, log)
  else await runWorker(config, log)
} catch (error) {
  endWithError(error)
}
