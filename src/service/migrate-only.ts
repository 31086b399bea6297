import { readConfig } from './config.ts'
import { StartError } from './errors.ts'
import { prepareDatabase } from './worker.ts'

/**
 * The entry for a deployment step of its own: brings the schema up to date and ends. The service does the
 * same at its start; done before, a migration that fails leaves the old version serving.
 */
try {
  await prepareDatabase(readConfig(process.env))
} catch (error) {
  const line = error instanceof StartError ? error.message : String((error as Error).stack ?? error)
  process.stderr.write(`insertlab: ${line}\n`)
  process.exitCode = 1
}
