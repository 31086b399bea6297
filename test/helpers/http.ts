import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { expect } from 'vitest'
import type { Problem } from '../../src/service/problem.ts'

export function post(url: string, body: unknown, init: RequestInit = {}): Promise<Response> {
  return send('POST', url, JSON.stringify(body), init)
}

/** Sends `body` as it is, as JSON unless told otherwise. */
export function send(
  method: string,
  url: string,
  body: NonNullable<RequestInit['body']>,
  init: RequestInit = {},
): Promise<Response> {
  return fetch(url, {
    ...init,
    method,
    body,
    headers: { 'content-type': 'application/json', ...(init.headers as Record<string, string>) },
  })
}

/** The answer is an RFC 9457 problem with this status and code, and tells nothing of the inside. */
export async function expectProblem(response: Response, status: number, code: string): Promise<Problem> {
  const text = await response.text()
  expect({ status: response.status, text }).toEqual({ status, text: expect.stringContaining(`"${code}"`) })
  expect(response.headers.get('content-type')).toMatch(/^application\/problem\+json\b/)
  expect(text).not.toMatch(/node_modules|\.ts:\d|\bat [\w.]+ \(/)
  const problem = JSON.parse(text) as Problem
  expect(problem).toEqual({
    type: `urn:insertlab:problem:${code}`,
    title: expect.stringMatching(/./),
    status,
    code,
    detail: expect.any(String),
  })
  if (status === 503) expect(Number(response.headers.get('retry-after'))).toBeGreaterThan(0)
  return problem
}

export async function expectJson(response: Response, status: number): Promise<Record<string, unknown>> {
  const text = await response.text()
  expect({ status: response.status, text }).toEqual({ status, text: expect.any(String) })
  expect(response.headers.get('content-type')).toMatch(/^application\/json\b/)
  return JSON.parse(text)
}

/** A client that does what it likes with its socket. */
export class RawClient {
  readonly socket: Socket
  #received = ''

  private constructor(socket: Socket) {
    this.socket = socket
    socket.on('data', chunk => {
      this.#received += chunk.toString('latin1')
    })
    // A connection that the other side resets is what some tests are about.
    socket.on('error', () => {})
  }

  static async connect(url: string): Promise<RawClient> {
    const { hostname, port } = new URL(url)
    const socket = connect(Number(port), hostname)
    const client = new RawClient(socket)
    await once(socket, 'connect')
    return client
  }

  get received(): string {
    return this.#received
  }

  /** Resolves when the bytes are with the kernel. */
  write(bytes: string | Buffer): Promise<void> {
    return new Promise(resolve => this.socket.write(bytes, () => resolve()))
  }

  /** All that came until the other side closed the connection. */
  async untilClosed(): Promise<string> {
    await untilClosed(this.socket)
    return this.#received
  }

  /** Closes with a reset, as a client that died. */
  destroy(): void {
    this.socket.resetAndDestroy()
  }
}

/** Resolves at a reset too, at which `once` of node:events would reject. */
export async function untilClosed(socket: Socket): Promise<void> {
  if (!socket.closed) await new Promise<void>(resolve => socket.once('close', () => resolve()))
}

/** Sends bytes and takes all that comes back until the server closes; for what no HTTP client would send. */
export async function exchange(url: string, bytes: string | Buffer): Promise<string> {
  const client = await RawClient.connect(url)
  await client.write(bytes)
  return client.untilClosed()
}
