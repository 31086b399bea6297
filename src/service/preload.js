/** `node --import ./src/service/preload.js`, before all else. JavaScript, because TypeScript would need the stripper. */
import '../node-version.js'
import { enableCompileCache } from 'node:module'
import { join } from 'node:path'

// Node keeps what it strips and compiles, and from the second start on does not load its TypeScript stripper, which
// would stay in memory (20 MB).
enableCompileCache(join(import.meta.dirname, '../../node_modules/.cache/insertlab'))
