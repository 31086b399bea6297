import { once } from 'node:events'
import { createServer, type IncomingMessage, type OutgoingHttpHeaders, type ServerResponse } from 'node:http'

export interface ServedFile {
  readonly type: string
  readonly content: string
}

export interface ServerOptions {
  /** By path. */
  readonly files: ReadonlyMap<string, ServedFile>
  /** Path of the stream of server-sent events. */
  readonly stream: string
  /** The first message of everyone who begins to listen; called when someone does. */
  greeting(): string
}

/** Files and a stream of messages, for browsers on this machine. */
export interface LoopbackServer extends AsyncDisposable {
  readonly url: string
  /** Whether anyone listens to the stream. */
  hasListeners(): boolean
  tell(message: string): void
  /** The stream's last message, after which the browser need not ask again. */
  tellLast(message: string): void
}

/** Limit for a tab that no longer reads, so that it does not fill the lab's memory. */
const unreadBytesTolerated = 16 * 2 ** 20
const graceMs = 500

/**
 * Listens on a free port of 127.0.0.1. No page of another origin can read from it: no answer allows one to, and a
 * name that an attacker's DNS points at 127.0.0.1 is refused by the Host it brings. The port may differ from
 * ours, as it does through `ssh -L`.
 */
export async function serveOnLoopback({ files, stream, greeting }: ServerOptions): Promise<LoopbackServer> {
  const listeners = new Set<ServerResponse>()
  const server = createServer((request, response) => {
    if (!isLoopbackName(request.headers.host)) return refuse(response, 421, 'ask for localhost')
    if (request.method !== 'GET') return refuse(response, 405, 'GET only')
    const { pathname } = new URL(request.url ?? '/', 'http://localhost')
    const file = files.get(pathname)
    if (file !== undefined) return answer(response, 200, file)
    if (pathname !== stream) return refuse(response, 404, 'no such page')
    if (isFromElsewhere(request)) return refuse(response, 403, 'not for other sites')
    response.writeHead(200, { ...headers, 'content-type': 'text/event-stream' })
    listeners.add(response)
    response.on('close', () => listeners.delete(response))
    send(response, greeting())
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  if (address === null || typeof address === 'string') throw new Error('a server without a port')
  return {
    url: `http://127.0.0.1:${address.port}/`,
    hasListeners: () => listeners.size > 0,
    tell(message) {
      for (const listener of listeners) send(listener, message)
    },
    tellLast(message) {
      for (const listener of listeners) {
        send(listener, message)
        listener.end('event: end\ndata: \n\n')
      }
    },
    async [Symbol.asyncDispose]() {
      for (const listener of listeners) listener.end()
      const closed = once(server, 'close')
      server.close()
      const impatience = setTimeout(() => server.closeAllConnections(), graceMs)
      await closed
      clearTimeout(impatience)
    },
  }
}

/** Connections are closed after the answer, so none delays the end of the lab. */
const headers: OutgoingHttpHeaders = {
  connection: 'close',
  'cache-control': 'no-store',
  'x-content-type-options': 'nosniff',
  'cross-origin-resource-policy': 'same-origin',
  'x-frame-options': 'DENY',
  'referrer-policy': 'no-referrer',
}

function answer(response: ServerResponse, status: number, { type, content }: ServedFile): void {
  response.writeHead(status, { ...headers, 'content-type': `${type}; charset=utf-8` }).end(content)
}

function refuse(response: ServerResponse, status: number, why: string): void {
  answer(response, status, { type: 'text/plain', content: `${why}\n` })
}

function send(listener: ServerResponse, message: string): void {
  if (listener.writableLength > unreadBytesTolerated) listener.destroy()
  else if (!listener.writableEnded) listener.write(`data: ${message}\n\n`)
}

function isLoopbackName(host = ''): boolean {
  return /^(localhost|127\.0\.0\.1|\[::1\])(:\d+)?$/i.test(host)
}

/** Refuses pages of other sites: they could not read the stream, but would make the lab do work. */
function isFromElsewhere({ headers: sent }: IncomingMessage): boolean {
  const site = sent['sec-fetch-site']
  return site !== undefined && site !== 'same-origin' && site !== 'none'
}
