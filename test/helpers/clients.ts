import { Agent, request as httpRequest } from 'node:http'

export interface Answer {
  /** Of the HTTP answer, or the reason why there was none, such as ECONNRESET. */
  readonly status: number | string
  readonly body: string
}

/**
 * Clients that each send one request after the other on a connection of their own, which they keep as long
 * as the server lets them. Nothing is sent twice.
 */
export class Clients {
  readonly #answers = new Map<number | string, number>()
  readonly #running: Promise<void>
  #isStopped = false

  /**
   * @param ask sends a request through the agent it is given; how often it was asked tells requests apart.
   * @param answered sees every answer.
   */
  constructor(
    count: number,
    ask: (agent: Agent, request: number) => Promise<Answer>,
    answered: (answer: Answer) => void = () => {},
  ) {
    let requests = 0
    const one = async () => {
      const agent = new Agent({ keepAlive: true, maxSockets: 1 })
      while (!this.#isStopped) {
        const answer = await ask(agent, requests++)
        this.#answers.set(answer.status, (this.#answers.get(answer.status) ?? 0) + 1)
        answered(answer)
      }
      agent.destroy()
    }
    this.#running = Promise.all(Array.from({ length: count }, one)).then(() => {})
  }

  /** How many requests ended in each way until now. */
  get answers(): Readonly<Record<string, number>> {
    return Object.fromEntries(this.#answers)
  }

  /** Those that did not end in one of these ways. */
  otherThan(...statuses: readonly (number | string)[]): number {
    return [...this.#answers].reduce(
      (sum, [status, count]) => sum + (statuses.includes(status) ? 0 : count),
      0,
    )
  }

  /** Waits for the answers to what was sent. */
  async stop(): Promise<void> {
    this.#isStopped = true
    await this.#running
  }
}

export function get(agent: Agent, url: string, signal?: AbortSignal): Promise<Answer> {
  return exchange(agent, url, { method: 'GET', signal })
}

export function postJson(agent: Agent, url: string, body: unknown, signal?: AbortSignal): Promise<Answer> {
  return exchange(agent, url, {
    method: 'POST',
    type: 'application/json',
    body: JSON.stringify(body),
    signal,
  })
}

/** Sends a JSON value a line. */
export function postLines(
  agent: Agent,
  url: string,
  lines: readonly unknown[],
  signal?: AbortSignal,
): Promise<Answer> {
  const body = lines.map(line => `${JSON.stringify(line)}\n`).join('')
  return exchange(agent, url, { method: 'POST', type: 'application/x-ndjson', body, signal })
}

function exchange(
  agent: Agent,
  url: string,
  options: { method: string; type?: string; body?: string; signal: AbortSignal | undefined },
): Promise<Answer> {
  const { method, type, body, signal } = options
  return new Promise(resolve => {
    const headers = type === undefined ? {} : { 'content-type': type }
    const request = httpRequest(url, { agent, method, headers, ...(signal && { signal }) }, response => {
      let text = ''
      response.on('data', chunk => {
        text += chunk
      })
      response.on('end', () => resolve({ status: response.statusCode ?? 0, body: text }))
      response.on('error', fail)
    })
    const fail = (error: NodeJS.ErrnoException) => resolve({ status: error.code ?? error.name, body: '' })
    request.on('error', fail)
    request.end(body)
  })
}
