import { parentPort } from 'node:worker_threads'
import { burnCpuUs } from './burn.js'

parentPort.on('message', ({ id }) => {
  burnCpuUs(100)
  parentPort.postMessage({ id, result: 1 })
})
