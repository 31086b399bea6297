import { connect } from 'node:net'
import { createInterface } from 'node:readline'
import { Readable } from 'node:stream'
import fc from 'fast-check'
import { expect, it, onTestFinished } from 'vitest'
import { problems } from '../../src/service/errors.ts'
import { startOtlpReceiver } from '../fixtures/otlp-receiver.ts'
import { createDatabase } from '../helpers/database.ts'
import { untilClosed } from '../helpers/http.ts'
import { start } from '../helpers/service.ts'
import { request } from './fuzz-inputs.ts'

/** More of them, in some minutes: FUZZ_INPUTS=100000. Others: FUZZ_SEED=… */
const inputs = Number(process.env['FUZZ_INPUTS'] ?? 3_000)
const seed = Number(process.env['FUZZ_SEED'] ?? 20_261_130)
const atOnce = 50
/** More than the service waits for the rest of a request. A client that has its answer does not wait for a second. */
const answerLimitMs = 30_000
const secondAnswerLimitMs = 300

/** Sends the bytes and takes what comes, until the service closes or says nothing more. */
async function exchange(port: number, bytes: Buffer): Promise<string> {
  const socket = connect(port, '127.0.0.1')
  let received = ''
  socket.on('data', chunk => {
    received += chunk.toString('latin1')
    socket.setTimeout(secondAnswerLimitMs)
  })
  // A service that closes before it has read everything resets the connection.
  socket.on('error', () => {})
  socket.setTimeout(answerLimitMs, () => socket.destroy())
  socket.write(bytes)
  await untilClosed(socket)
  return received
}

/** What is wrong with an answer; null where nothing is. */
function faultOf(answer: string): string | null {
  if (answer === '') return 'there is none'
  if (/node_modules|\.ts:\d|\bat [\w.]+ \(/.test(answer)) return 'it shows the inside'
  for (const { status, head } of answersIn(answer)) {
    if (status >= 500) return `status ${status}`
    if (status >= 400 && !/content-type: application\/problem\+json/i.test(head))
      return 'it is no problem+json'
  }
  return null
}

function answersIn(answer: string): { status: number; head: string }[] {
  return answer
    .split(/(?=HTTP\/1\.1 \d{3} [A-Z])/)
    .filter(each => each !== '')
    .map(each => ({ status: Number(each.slice(9, 12)), head: each.split('\r\n\r\n', 1)[0] ?? '' }))
}

const codeIn = (answer: string) => /"code":"(\w+)"/.exec(answer)?.[1]

it('whatever comes is answered, and no log line is forged', async () => {
  const database = await createDatabase()
  onTestFinished(() => database.drop())
  await using receiver = await startOtlpReceiver()
  const { url, service, errors } = await start(database.url, {
    ACCESS_LOG: 'on',
    HEADERS_TIMEOUT_MS: '200',
    REQUEST_TIMEOUT_MS: '400',
    REQUEST_DEADLINE_MS: '3000',
    OTEL_EXPORTER_OTLP_ENDPOINT: receiver.url,
  })
  const log: string[] = []
  createInterface({ input: service.child.stdout ?? Readable.from([]) }).on('line', line => log.push(line))
  const port = Number(new URL(url).port)
  const seen = new Map<string, number>()

  console.log(`fuzz: ${inputs} inputs, FUZZ_SEED=${seed}`)
  await fc.assert(
    fc.asyncProperty(fc.array(request, { minLength: atOnce, maxLength: atOnce }), async batch => {
      await Promise.all(
        batch.map(async bytes => {
          const answer = await exchange(port, bytes)
          const fault = faultOf(answer)
          if (fault !== null) throw new Error(`${fault}\n${bytes.toString('latin1')}\n\n${answer}`)
          const [first] = answersIn(answer)
          const what = codeIn(answer) ?? String(first?.status)
          seen.set(what, (seen.get(what) ?? 0) + 1)
        }),
      )
    }),
    { seed, numRuns: Math.ceil(inputs / atOnce) },
  )
  console.log(Object.fromEntries([...seen].sort(([, a], [, b]) => b - a)))

  expect((await fetch(`${url}/readyz`)).status).toBe(200)
  service.child.kill('SIGTERM')
  expect(await service.ended).toEqual({ code: 0, signal: null })
  expect(errors()).toBe('')
  const requests = log.filter(line => {
    const { level, time, forged, event, msg } = JSON.parse(line)
    expect({ level, time, forged }, line).toEqual({ level: 30, time: expect.any(Number), forged: undefined })
    expect([event, msg].filter(each => typeof each === 'string')).toHaveLength(1)
    return event === 'request'
  })
  expect(requests.length).toBeGreaterThan(inputs / 2)
  expect(receiver.spans().length).toBeGreaterThan(0)
  // It has come past the doors: what is refused late and what is not refused at all is among the answers.
  const late = [
    '200',
    '201',
    '204',
    'validation_failed',
    'text_not_storable',
    'cursor_invalid',
    'line_invalid',
  ]
  expect([...seen.keys()]).toEqual(expect.arrayContaining(late))
  for (const code of seen.keys()) if (/^[a-z]+_/.test(code)) expect(problems).toHaveProperty(code)
}, 600_000)
