import { createServer, type Socket } from 'node:net'
import { listening } from '../../helpers/listening.ts'

/** A request as its bytes came, connection headers left out. */
export interface Recorded {
  readonly line: string
  /** Names in lower case; `content-length` is `0` where there is none, which means the same. */
  readonly headers: Readonly<Record<string, string>>
  readonly body: Buffer
}

/** Keeps every request's bytes, and answers each with 200, after a 103 where asked to. */
export async function startRecordingServer({ earlyHints = false } = {}) {
  const requests: Recorded[] = []
  const answer = [
    ...(earlyHints ? ['HTTP/1.1 103 Early Hints', 'link: </style.css>; rel=preload', ''] : []),
    ...['HTTP/1.1 200 OK', 'content-length: 2', '', 'ok'],
  ].join('\r\n')
  const sockets = new Set<Socket>()
  const server = createServer(socket => {
    sockets.add(socket)
    let pending: Buffer = Buffer.alloc(0)
    socket.on('error', () => {})
    socket.on('data', chunk => {
      pending = Buffer.concat([pending, chunk])
      for (let taken = takeRequest(pending); taken !== null; taken = takeRequest(pending)) {
        requests.push(taken.request)
        pending = taken.rest
        socket.write(answer)
      }
    })
  })
  const { host, [Symbol.asyncDispose]: close } = await listening(server)
  return {
    host,
    requests,
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.destroy()
      await close()
    },
  }
}

function takeRequest(bytes: Buffer): { request: Recorded; rest: Buffer } | null {
  const end = bytes.indexOf('\r\n\r\n')
  if (end < 0) return null
  const [line = '', ...fields] = bytes.subarray(0, end).toString('latin1').split('\r\n')
  const headers = Object.fromEntries(
    fields.map(field => {
      const colon = field.indexOf(':')
      return [field.slice(0, colon).toLowerCase(), field.slice(colon + 1).trim()]
    }),
  )
  const { connection: _, 'content-length': length = '0', ...others } = headers
  const from = end + 4
  const until = from + Number(length)
  if (bytes.length < until) return null
  const request = {
    ...{ line, headers: { ...others, 'content-length': length } },
    body: Buffer.from(bytes.subarray(from, until)),
  }
  return { request, rest: bytes.subarray(until) }
}
