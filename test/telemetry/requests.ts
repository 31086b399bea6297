import { Agent, request } from 'node:http'

export interface Answer {
  status: number
  headers: Readonly<Record<string, string | string[] | undefined>>
  body: string
}

/** One request through `agent`, whose sockets the test controls; `fetch` would choose its own. */
export function send(
  agent: Agent,
  url: string,
  options: { method?: string; path?: string; headers?: Record<string, string>; body?: string } = {},
): Promise<Answer> {
  const { method = 'GET', path, headers = {}, body } = options
  return new Promise((resolve, reject) => {
    const sent = request(url, { agent, method, headers, ...(path !== undefined && { path }) }, response => {
      let text = ''
      response.setEncoding('utf8')
      response.on('data', chunk => {
        text += chunk
      })
      response.on('end', () =>
        resolve({ status: response.statusCode ?? 0, headers: response.headers, body: text }),
      )
      response.on('error', reject)
    })
    sent.on('error', reject)
    sent.end(body)
  })
}

/** Sends each of `items` on one of `connections` kept-alive connections, as fast as they answer. */
export async function sendAll<T, R>(
  items: readonly T[],
  connections: number,
  sendOne: (agent: Agent, item: T) => Promise<R>,
): Promise<R[]> {
  const agent = new Agent({ keepAlive: true, maxSockets: connections })
  const results: R[] = []
  let next = 0
  const client = async () => {
    while (next < items.length) {
      const index = next++
      results[index] = await sendOne(agent, items[index] as T)
    }
  }
  try {
    await Promise.all(Array.from({ length: connections }, client))
    return results
  } finally {
    agent.destroy()
  }
}
