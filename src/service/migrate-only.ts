import { readConfig } from './config.ts'
import { endWithError } from './errors.ts'
import { migrateDatabase, settleTls } from './prepare-database.ts'

/**
 * The entry point for a separate deployment step: it brings the schema up to date and ends. The service does the same
 * at its start. If the step runs before that and fails, the old version of the service goes on running.
 */
try {
  await migrateDatabase(await settleTls(readConfig(process.env)))
} catch (error) {
  endWithError(error)
}
