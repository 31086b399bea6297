/**
 * `node --import ./src/service/compile-cache.js`, before all else: Node keeps what it strips and compiles, and
 * from the second start on does not load its TypeScript stripper, which would stay in memory (20 MB). JavaScript,
 * because a TypeScript file would need the stripper.
 */
import { enableCompileCache } from 'node:module'
import { join } from 'node:path'

enableCompileCache(join(import.meta.dirname, '../../node_modules/.cache/insertlab'))
