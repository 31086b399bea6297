import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { problems } from '../../src/service/errors.ts'
import { openApp, type RunningApp } from '../helpers/app.ts'
import { expectJson } from '../helpers/http.ts'

interface Operation {
  operationId?: string
  summary?: string
  tags?: string[]
  parameters?: { name: string; in: string; required?: boolean; schema: object; example?: unknown }[]
  requestBody?: { content: Record<string, Content> }
  responses: Record<string, { description: string; content?: Record<string, Content>; headers?: object }>
}
interface Content {
  schema: { properties?: Record<string, { examples?: unknown[] }>; examples?: unknown[] }
  example?: unknown
}
interface Document {
  openapi: string
  info: { title: string; version: string }
  servers: { url: string }[]
  tags: { name: string; description: string }[]
  paths: Record<string, Record<string, Operation>>
}

let app: RunningApp
let document: Document
let operations: { name: string; path: string; method: string; operation: Operation }[]

beforeAll(async () => {
  app = await openApp()
  document = (await expectJson(await fetch(`${app.url}/openapi.json`), 200)) as unknown as Document
  operations = Object.entries(document.paths).flatMap(([path, item]) =>
    Object.entries(item).map(([method, operation]) => ({
      name: `${method.toUpperCase()} ${path}`,
      path,
      method,
      operation,
    })),
  )
})
afterAll(() => app.close())

describe('/openapi.json', () => {
  it('is OpenAPI 3.1 and names every route of the contract, and no other', () => {
    expect(document.openapi).toMatch(/^3\.1\.\d$/)
    expect(document.info).toMatchObject({ title: expect.any(String), version: expect.any(String) })
    expect(operations.map(({ name }) => name).sort()).toEqual([
      'DELETE /tasks/{id}',
      'GET /livez',
      'GET /ping/',
      'GET /readyz',
      'GET /tasks/',
      'GET /tasks/{id}',
      'GET /test-insert',
      'POST /tasks/',
      'POST /texts',
      'POST /texts/bulk',
      'PUT /tasks/{id}',
    ])
  })

  it('has what the specification asks of every operation', () => {
    for (const { path, operation } of operations) {
      expect(operation.summary).toEqual(expect.any(String))
      expect(operation.tags).toEqual([expect.any(String)])
      const inPath = [...path.matchAll(/\{(\w+)\}/g)].map(([, name]) => name)
      const parameters = operation.parameters ?? []
      expect(parameters.filter(each => each.in === 'path').map(({ name }) => name)).toEqual(inPath)
      for (const parameter of parameters) {
        expect(['path', 'query']).toContain(parameter.in)
        expect(parameter.schema).toEqual(expect.any(Object))
        if (parameter.in === 'path') expect(parameter.required).toBe(true)
      }
      const statuses = Object.keys(operation.responses)
      expect(statuses.some(status => /^2\d\d$/.test(status))).toBe(true)
      for (const [status, response] of Object.entries(operation.responses)) {
        expect(status).toMatch(/^[2-5]\d\d$/)
        expect(response.description).toEqual(expect.any(String))
      }
    }
  })

  it('names every operation, each by a name of its own', () => {
    const names = operations.map(({ operation }) => operation.operationId)
    for (const name of names) expect(name).toMatch(/^[a-z][A-Za-z]+$/)
    expect(new Set(names).size).toBe(operations.length)
  })

  it('says that no parameter of a query must be sent, and what holds without it', () => {
    const queries = operations.flatMap(({ name, operation }) =>
      (operation.parameters ?? [])
        .filter(parameter => parameter.in === 'query')
        .map(parameter => ({ ...parameter, operation: name })),
    )
    expect(queries.map(({ name }) => name).sort()).toEqual(['after', 'limit', 'naive', 'rows', 'strategy'])
    for (const { required } of queries) expect(required ?? false).toBe(false)
    expect(queries.find(({ name }) => name === 'rows')?.schema).toMatchObject({ default: 1 })
    expect(queries.find(({ name }) => name === 'limit')?.schema).toMatchObject({ default: 25 })
  })

  it('has an example of every parameter, body and answer', () => {
    for (const { name, operation } of operations) {
      for (const parameter of operation.parameters ?? []) {
        expect(parameter, `${name} ${parameter.name}`).toHaveProperty('example')
      }
      for (const { schema, example } of Object.values(operation.requestBody?.content ?? {})) {
        const ofProperties = Object.values(schema.properties ?? {}).map(({ examples }) => examples?.[0])
        expect(example ?? ofProperties, name).not.toContain(undefined)
      }
      for (const [status, { content = {} }] of Object.entries(operation.responses)) {
        for (const { schema, example = schema.examples?.[0] } of Object.values(content)) {
          expect(example, `${name} ${status}`).toEqual(expect.any(Object))
          if (Number(status) >= 400) expect(example).toMatchObject({ status: Number(status) })
        }
      }
    }
  })

  it('has examples that the service takes', async () => {
    for (const { name, path, method, operation } of operations) {
      const values = new Map(operation.parameters?.map(each => [each.name, String(each.example)]))
      if (path === '/tasks/{id}') {
        const [task] = await app.sql(`INSERT INTO tasks (title) VALUES ('a') RETURNING id`)
        values.set('id', String(task?.['id']))
      }
      const url = new URL(app.url + path.replace(/\{(\w+)\}/, (_, each) => values.get(each) ?? ''))
      for (const each of operation.parameters ?? []) {
        if (each.in === 'query') url.searchParams.set(each.name, values.get(each.name) ?? '')
      }
      const [[type, content] = []] = Object.entries(operation.requestBody?.content ?? {})
      const answer = await fetch(url, {
        method,
        ...(content && { body: exampleBody(content), headers: { 'content-type': type ?? '' } }),
      })
      expect({ name, status: String(answer.status) }).toEqual({
        name,
        status: Object.keys(operation.responses).find(status => status.startsWith('2')),
      })
    }
  })

  it('says when to try again', () => {
    for (const { operation } of operations) {
      for (const [status, { headers }] of Object.entries(operation.responses)) {
        if (status === '429' || status === '503') expect(headers).toHaveProperty('Retry-After')
      }
    }
  })

  it('says where the service is and what its tags mean', () => {
    expect(document.servers).toEqual([{ url: '/', description: expect.any(String) }])
    const used = new Set(operations.flatMap(({ operation }) => operation.tags ?? []))
    expect(document.tags.map(({ name }) => name).sort()).toEqual([...used].sort())
  })

  it('says what each body must be', () => {
    const bodies = operations.filter(({ operation }) => operation.requestBody)
    expect(bodies.map(({ name }) => name).sort()).toEqual([
      'POST /tasks/',
      'POST /texts',
      'POST /texts/bulk',
      'PUT /tasks/{id}',
    ])
    for (const { name, operation } of bodies) {
      expect(Object.keys(operation.requestBody?.content ?? {})).toEqual([
        name === 'POST /texts/bulk' ? 'application/x-ndjson' : 'application/json',
      ])
    }
  })

  it('tells errors as problems, with the codes that there are', () => {
    for (const { operation } of operations) {
      for (const [status, response] of Object.entries(operation.responses)) {
        if (!/^[45]/.test(status)) continue
        expect(Object.keys(response.content ?? {})).toEqual(['application/problem+json'])
        const codes = [...response.description.matchAll(/`(\w+)`/g)].map(([, code]) => code)
        expect(codes.length).toBeGreaterThan(0)
        for (const code of codes) {
          expect(problems).toHaveProperty(String(code))
          expect(problems[code as keyof typeof problems].status).toBe(Number(status))
        }
      }
    }
  })

  it.each([
    ['GET', '/test-insert', 503],
    ['POST', '/texts', 400],
    ['POST', '/texts', 413],
    ['POST', '/texts', 415],
    ['POST', '/texts/bulk', 400],
    ['GET', '/tasks/{id}', 404],
    ['GET', '/readyz', 503],
  ])('%s %s documents %i', (method, path, status) => {
    expect(document.paths[path]?.[method.toLowerCase()]?.responses).toHaveProperty(String(status))
  })

  it('is readable at /docs', async () => {
    const answer = await fetch(`${app.url}/docs/`)
    expect(answer.status).toBe(200)
    expect(answer.headers.get('content-type')).toMatch(/^text\/html/)
    expect(await answer.text()).toContain('swagger-ui')
  })
})

/** Lines, or the examples of all properties. */
function exampleBody({ schema, example }: Content): string {
  if (Array.isArray(example)) return example.map(line => `${JSON.stringify(line)}\n`).join('')
  const properties = Object.entries(schema.properties ?? {})
  return JSON.stringify(
    example ?? Object.fromEntries(properties.map(([name, { examples }]) => [name, examples?.[0]])),
  )
}

describe('the codes of errors', () => {
  it('are the status, the title and the code of RFC 9457, each told apart by its code', () => {
    for (const [code, { status, title }] of Object.entries(problems)) {
      expect(code).toMatch(/^[a-z]+(_[a-z]+)*$/)
      expect(status).toBeGreaterThanOrEqual(400)
      expect(title).toMatch(/^[A-Z].*[^.]$/)
    }
    expect(new Set(Object.values(problems).map(({ title }) => title)).size).toBe(Object.keys(problems).length)
  })
})
