import { createServer } from 'node:http'
import { listening } from '../../helpers/listening.ts'

/**
 * A real HTTP server that counts what it answers, by method and path. `/missing` is 404, all else 200, `/slow` after
 * 0.5 s.
 */
export async function startCountingServer() {
  const seen = new Map<string, number>()
  const bodies: string[] = []
  const server = createServer((request, response) => {
    const key = `${request.method} ${request.url}`
    seen.set(key, (seen.get(key) ?? 0) + 1)
    let body = ''
    request.setEncoding('utf8').on('data', (chunk: string) => {
      body += chunk
    })
    request.on('end', () => {
      if (body !== '' && bodies.length < 1000) bodies.push(body)
      response.statusCode = request.url === '/missing' ? 404 : 200
      const answer = () => response.end('{"ping":"pong"}')
      if (request.url === '/slow') setTimeout(answer, 500)
      else answer()
    })
  })
  return {
    ...(await listening(server)),
    seen,
    bodies,
    total: () => [...seen.values()].reduce((sum, count) => sum + count, 0),
  }
}
