/**
 * `node --import ./src/service/preload.js`, before all other files. It is JavaScript, because a TypeScript file would
 * load Node's type stripper.
 */
import '../node-version.js'
import { enableCompileCache } from 'node:module'
import { join } from 'node:path'

// Node caches the code that it has stripped and compiled. From the second start on it does not load its type
// stripper, which would stay in memory (20 MB).
enableCompileCache(join(import.meta.dirname, '../../node_modules/.cache/insertlab'))
