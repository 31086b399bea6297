import { readConfig } from './config.ts'
import { endWithError } from './errors.ts'
import { migrateDatabase, settleTls } from './prepare-database.ts'

/**
 * The entry for a deployment step of its own: brings the schema up to date and ends. The service does the same at
 * its start. Done before, a migration that fails leaves the old version of the service running.
 */
try {
  await migrateDatabase(await settleTls(readConfig(process.env)))
} catch (error) {
  endWithError(error)
}
