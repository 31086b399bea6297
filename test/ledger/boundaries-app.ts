/**
 * A plain `node:http` application with a request for each way in which Node calls back. Each burns 20 ms of CPU after it.
 * The path's name is the case; `/figures` tells what the ledger says of the cases that have ended, and its buckets.
 */
import { AsyncResource } from 'node:async_hooks'
import { execFile } from 'node:child_process'
import { pbkdf2 } from 'node:crypto'
import { lookup } from 'node:dns'
import { EventEmitter, once } from 'node:events'
import { createReadStream, readFile } from 'node:fs'
import { readFile as readFilePromise } from 'node:fs/promises'
import { createServer, get, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { Readable, Transform, Writable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { setTimeout as sleep } from 'node:timers/promises'
import { promisify } from 'node:util'
import { Worker } from 'node:worker_threads'
import { gzip } from 'node:zlib'
import { Client } from 'pg'
import { currentRequest, inBucket, onRequestEnd, shared, totals } from '../../src/ledger/index.ts'
import { burnCpuUs } from '../fixtures/burn.ts'

const burnedMs = 20
const file = import.meta.filename

function burn(): void {
  burnCpuUs(burnedMs * 1000)
}

const other = createServer((_request, response) => response.end('{"a":1}')).listen(0, '127.0.0.1')
await once(other, 'listening')
const otherUrl = `http://127.0.0.1:${(other.address() as AddressInfo).port}/`

const client = new Client({ connectionString: process.env['DATABASE_URL'] })
await client.connect()

const worker = new Worker(
  'const { parentPort } = require("node:worker_threads"); parentPort.on("message", id => parentPort.postMessage(id))',
  { eval: true, execArgv: [] },
)
worker.unref()

/** Emits from a timer that belongs to no request. Each case has one of its own. */
function createClock(): EventEmitter {
  const clock = new EventEmitter().setMaxListeners(0)
  setInterval(() => clock.emit('tick'), 5).unref()
  return clock
}
const [boundClock, awaitedClock, silentClock] = [createClock(), createClock(), createClock(), createClock()]

/** Requests that wait for another one. */
const waitingForOther: (() => void)[] = []

const callback = (call: (done: () => void) => void) =>
  new Promise<void>(resolve => {
    call(() => {
      burn()
      resolve()
    })
  })

/** What a case returns that ends the response itself. */
const answersItself = Symbol('answers itself')

/** Each burns once. */
const cases: Record<string, (request: IncomingMessage, response: ServerResponse) => unknown> = {
  'in the handler': () => burn(),
  'after await of nothing': async () => {
    await undefined
    burn()
  },
  'after await of a timer': async () => {
    await sleep(5)
    burn()
  },
  'after await of setImmediate': async () => {
    await new Promise(resolve => setImmediate(resolve))
    burn()
  },
  'after await in a nested function': async () => {
    const inner = async () => {
      await sleep(2)
      await sleep(2)
    }
    await inner()
    burn()
  },
  'in then': () => sleep(2).then(burn),
  'in finally': () => sleep(2).finally(burn),
  'in catch': () => Promise.reject(new Error('no')).catch(burn),
  'in an async generator': async () => {
    async function* generate() {
      await sleep(2)
      burn()
      yield 1
    }
    for await (const _ of generate());
  },
  'in setTimeout': () => callback(done => setTimeout(done, 3)),
  'in setInterval': () =>
    callback(done => {
      const timer = setInterval(() => {
        clearInterval(timer)
        done()
      }, 3)
    }),
  'in setImmediate': () => callback(done => setImmediate(done)),
  'in nextTick': () => callback(done => process.nextTick(done)),
  'in queueMicrotask': () => callback(done => queueMicrotask(done)),
  'in the callback of readFile': () => callback(done => readFile(file, () => done())),
  'after await of readFile': async () => {
    await readFilePromise(file)
    burn()
  },
  'in the callback of pbkdf2': () => callback(done => pbkdf2('a', 'b', 1, 8, 'sha1', () => done())),
  'in the callback of gzip': () => callback(done => gzip('a', () => done())),
  'in the callback of lookup': () => callback(done => lookup('127.0.0.1', () => done())),
  'after await of a child process': async () => {
    await promisify(execFile)('true')
    burn()
  },
  'in a bound function': () => callback(done => void boundClock.once('tick', AsyncResource.bind(done))),
  'after a bound function in a continuation': async () => {
    const bound = AsyncResource.bind(() => {})
    await sleep(2)
    bound()
    burn()
    // What continues next is not this request.
    await sleep(2)
  },
  'after events.once': async () => {
    await once(awaitedClock, 'tick')
    burn()
  },
  'after a promise that another request resolves': async () => {
    await new Promise<void>(resolve => {
      waitingForOther.push(resolve)
      get(`http://127.0.0.1:${process.env['PORT']}/another`, answer => answer.resume())
    })
    burn()
  },
  'in a stream’s transform': async () => {
    let isFirst = true
    const slow = new Transform({
      transform(chunk, _encoding, done) {
        if (isFirst) burn()
        isFirst = false
        done(null, chunk)
      },
    })
    await pipeline(
      createReadStream(file, { highWaterMark: 1000 }),
      slow,
      new Writable({ write: (_c, _e, done) => done() }),
    )
  },
  'after pipeline': async () => {
    await pipeline(Readable.from(['a', 'b']), new Writable({ write: (_c, _e, done) => setImmediate(done) }))
    burn()
  },
  'after fetch': async () => {
    const response = await fetch(otherUrl)
    await response.json()
    burn()
  },
  'after the answer of http.get': async () => {
    const response = await new Promise<IncomingMessage>(resolve => get(otherUrl, resolve))
    response.resume()
    await once(response, 'end')
    burn()
  },
  'after a query': async () => {
    await client.query('SELECT 1')
    burn()
  },
  'after a message of a worker': async () => {
    worker.postMessage(1)
    await once(worker, 'message')
    burn()
  },
  // The second of three parts, so that nothing of the request follows directly.
  'in the body’s data': request =>
    new Promise<void>(resolve => {
      let isBurned = false
      request.on('data', (part: Buffer) => {
        if (part.includes('b') && !isBurned) {
          isBurned = true
          burn()
        }
      })
      request.on('end', resolve)
    }),
  'in the body’s end': request => callback(done => request.resume().on('end', done)),
  'after await of the body': async request => {
    for await (const _ of request);
    burn()
  },
  'in shared work of its own': async () => {
    const request = currentRequest()
    await shared([{ request, weight: 1 }], async () => {
      await sleep(2)
      burn()
    })
  },
  'after the response': (_request, response) => void response.once('close', () => setTimeout(burn, 5)),
  'in a bucket': () => inBucket('reports', burn),
  // Called without the request's context, but what continues next is the request.
  'in the callback of a query': () => callback(done => client.query('SELECT 1', () => done())),
  // Called without the request's context, and nothing of the request continues.
  'in a query’s callback that answers': (_request, response) => {
    client.query('SELECT 1', () => {
      burn()
      response.end()
    })
    return answersItself
  },
  'in a listener that answers': (_request, response) => {
    silentClock.once('tick', () => {
      burn()
      response.end()
    })
    return answersItself
  },
}

const figuresMs: Record<string, number[]> = Object.fromEntries(Object.keys(cases).map(name => [name, []]))
onRequestEnd(({ attributes, cpuS }) => {
  figuresMs[attributes['name'] ?? '']?.push(cpuS * 1000)
})

// Boundaries must hold after an error that nothing caught.
process.on('uncaughtException', () => {})

createServer(async (request, response) => {
  const name = decodeURIComponent(request.url ?? '').slice(1)
  if (name === 'figures') {
    response.end(JSON.stringify({ names: Object.keys(cases), figuresMs, bucketsS: totals()?.unattributedS }))
    return
  }
  if (name === 'another') {
    for (const resolve of waitingForOther.splice(0)) resolve()
    response.end()
    return
  }
  if (name === 'throws') {
    response.end()
    setTimeout(() => {
      throw new Error('as intended')
    }, 1)
    return
  }
  const account = currentRequest()
  if (account !== undefined) account.attributes['name'] = name
  if ((await cases[name]?.(request, response)) !== answersItself) response.end()
}).listen(Number(process.env['PORT']), '127.0.0.1')
