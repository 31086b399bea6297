// Shows that a Node process can end with SIGSEGV when its inspector is closed from inside an inspector session.
// Usage: node inspector-close-crash.mjs [late]   (late: closes it 100 ms later, after the session has ended; no crash)
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { setTimeout as pause } from 'node:timers/promises'

if (process.argv[2] === 'busy') {
  // A process whose event loop is busy.
  const chunk = () => {
    for (let i = 0; i < 2e5; i++) Math.sqrt(i)
    setImmediate(chunk)
  }
  chunk()
} else {
  const close = "process.getBuiltinModule('node:inspector').close()"
  const expression = process.argv[2] === 'late' ? `setTimeout(() => ${close}, 100)` : close
  const rounds = 300
  const child = spawn(process.execPath, ['--inspect-port=0', import.meta.filename, 'busy'], {
    stdio: ['ignore', 'ignore', 'pipe'],
  })
  let opened = Promise.withResolvers()
  child.stderr.setEncoding('utf8').on('data', text => {
    const address = /listening on (ws:\S+)/.exec(text)?.[1]
    if (address !== undefined) opened.resolve(address)
  })
  child.on('exit', (code, signal) => {
    console.log(`node ${process.version}: the process ended with ${code ?? signal} after ${round} sessions`)
    if (signal === 'SIGSEGV') console.log('DEFECT: closing the inspector ended the process')
    process.exit(signal === 'SIGSEGV' ? 1 : 0)
  })
  let round = 0
  await pause(500)
  while (round < rounds) {
    opened = Promise.withResolvers()
    child.kill('SIGUSR1')
    const socket = new WebSocket(await opened.promise)
    await once(socket, 'open')
    socket.send(JSON.stringify({ id: 1, method: 'Runtime.evaluate', params: { expression } }))
    socket.close()
    await Promise.race([once(socket, 'close'), once(socket, 'error')])
    round++
    await pause(150)
  }
  child.kill()
}
