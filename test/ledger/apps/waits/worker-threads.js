import { Worker } from 'node:worker_threads'

const waiting = new Map()
let lastId = 0
const worker = new Worker(new URL('../worker.js', import.meta.url))
worker.on('message', ({ id, result }) => {
  waiting.get(id)(result)
  waiting.delete(id)
})

/** One worker thread computes for all requests. */
export function wait() {
  const id = ++lastId
  return new Promise(resolve => {
    waiting.set(id, resolve)
    worker.postMessage({ id })
  })
}
