import fc, { type Arbitrary } from 'fast-check'
import { insertStrategyNames } from '../../src/service/store/inserts/insert-strategy.ts'

/** A log line that nobody but the service may write, in the ways in which a request can try to write it. */
const forgedLine = '{"level":60,"time":0,"forged":true}'
const forgeries = [
  `\n${forgedLine}\n`,
  `\r\n${forgedLine}\r\n`,
  encodeURIComponent(`\n${forgedLine}\n`),
  encodeURIComponent(`\u2028${forgedLine}\u2028`),
  `"}\\n${forgedLine}`,
  '\u001b[2K\u001b[1A',
]

const oneOf = <T>(...values: T[]): Arbitrary<T> => fc.constantFrom(...values)
/** `usual` in most cases: a request with one fault comes further than one with many. */
const mostly = <T>(usual: Arbitrary<T>, other: Arbitrary<T>): Arbitrary<T> =>
  fc.oneof({ weight: 15, arbitrary: usual }, { weight: 1, arbitrary: other })
const anyText = fc.string({ unit: 'binary', maxLength: 20 })
const oddText = fc.oneof(
  anyText,
  oneOf(...forgeries, '\0', '\ud800', '🙂', "'; DROP TABLE tasks; --", '__proto__', '\\N', 'x'.repeat(300)),
)
const oddNumber = oneOf(
  ...[
    '',
    '0',
    '-1',
    '1.5',
    '1e3',
    '0x10',
    '1000',
    '1001',
    '9007199254740993',
    'NaN',
    'null',
    '1 ',
    '%00',
    '٣',
  ],
)

const knownCursor = fc.integer({ min: 1 }).map(id => base64url(`task:${id}`))
const cursor = fc.oneof(
  knownCursor,
  fc.string({ maxLength: 12 }).map(end => base64url(`task:${end}`)),
  knownCursor.map(text => `${text}=`),
  oddText.map(encoded),
  oneOf('', '%ff', '%zz', '..%2f..%2f'),
)
const number = mostly(fc.nat({ max: 20 }).map(String), oddNumber)
const parameter = fc.oneof(
  cursor.map(value => `after=${value}`),
  number.map(value => `limit=${value}`),
  number.map(value => `rows=${value}`),
  mostly(oneOf<string>(...insertStrategyNames), oddText.map(encoded)).map(value => `strategy=${value}`),
  number.map(value => `naive=${value}`),
  fc.tuple(oddText, oddText).map(([name, value]) => `${encoded(name)}=${encoded(value)}`),
)
const route = fc.oneof(
  oneOf(
    ...['GET /ping/', 'GET /livez', 'GET /readyz', 'GET /openapi.json', 'GET /test-insert', 'GET /tasks/'],
    ...['GET /test-insert', 'GET /tasks/', 'POST /tasks/', 'POST /texts', 'POST /texts', 'POST /texts/bulk'],
    ...['POST /texts/bulk', 'POST /texts/bulk'],
  ),
  fc.tuple(oneOf('GET', 'PUT', 'DELETE'), number).map(([method, id]) => `${method} /tasks/${id}`),
)
const oddMethod = fc.oneof(
  oneOf('GET', 'POST', 'PUT', 'PATCH', 'HEAD', 'OPTIONS', 'TRACE', 'BREW', 'get', 'CONNECT', ''),
  anyText,
)
const oddPath = fc.oneof(
  oddText.map(text => `/${encoded(text)}`),
  oneOf('/%zz', '/%', '//', '/tasks/%e0%a4%a', '/../etc/passwd', '*', 'http://x/ping/', '/docs/static/..%2f'),
  oddText,
)
/** Method and target. */
const line = fc
  .tuple(
    mostly(
      route,
      fc
        .tuple(oddMethod, mostly(route, oddPath))
        .map(([method, path]) => `${method} ${path.split(' ').at(-1)}`),
    ),
    fc.array(parameter, { maxLength: 2 }),
  )
  .map(([where, query]) => (query.length === 0 ? where : `${where}?${query.join('&')}`))

const jsonText = fc.oneof(
  oddText.map(text => JSON.stringify({ text })),
  oddText.map(title => JSON.stringify({ title })),
  fc.tuple(oddText, fc.boolean()).map(([title, done]) => JSON.stringify({ title, done })),
  oneOf(
    '{"text":"a"}',
    '{"title":"a"}',
    '{"title":"a","done":true}',
    '{"text":"\\ud800"}',
    '{"text":"\\u0000"}',
  ),
  fc.json({ maxDepth: 2 }),
  oneOf('', '{', '{"text":}', '[1e999]', '{"__proto__":{"text":"a"}}', 'nonsense', '\uFEFF{"text":"a"}'),
)
const lines = fc
  .tuple(
    fc.array(mostly(oneOf('{"text":"a"}', '{"text":"\\\\N\\t"}'), jsonText), { maxLength: 5 }),
    oneOf('\n', '\n', '\r\n', '\n\n', ''),
  )
  .map(([each, end]) => each.join(end))
/** For `/texts/bulk` lines, else one value. */
const body = fc.record({
  json: mostly(jsonText.map(Buffer.from), fc.uint8Array({ maxLength: 40 }).map(Buffer.from)),
  lines: mostly(lines.map(Buffer.from), fc.uint8Array({ maxLength: 40 }).map(Buffer.from)),
})

const hex = (length: number) =>
  fc.string({ unit: oneOf(...'0123456789abcdef'), minLength: length, maxLength: length })
const traceparent = fc.oneof(
  fc.tuple(hex(2), hex(32), hex(16), hex(2)).map(parts => parts.join('-')),
  fc.tuple(hex(32), hex(16)).map(([trace, span]) => `00-${trace}-${span}-01`),
  oneOf(
    `00-${'0'.repeat(32)}-${'0'.repeat(16)}-01`,
    '00',
    '---',
    `00-${'F'.repeat(32)}-${'1'.repeat(16)}-zz`,
  ),
  oddText,
)
const header = fc.oneof(
  traceparent.map(value => `traceparent: ${value}`),
  fc.tuple(traceparent, oddText).map(([parent, state]) => `traceparent: ${parent}\r\ntracestate: ${state}`),
  oddText.map(value => `user-agent: ${value}`),
  oddText.map(value => `baggage: a=${value}`),
  oneOf(
    'expect: 100-continue',
    'expect: nothing',
    'content-encoding: gzip',
    'accept-encoding: *;q=0',
    'host: y',
  ),
  oneOf(
    ' folded: a',
    'no colon',
    ': no name',
    `long: ${'x'.repeat(20_000)}`,
    'connection: upgrade\r\nupgrade: h2c',
  ),
  fc.tuple(anyText, oddText).map(([name, value]) => `${name}: ${value}`),
)
const contentType = mostly(
  fc.constant(null),
  oneOf(
    'application/json',
    'application/x-ndjson',
    'application/ndjson',
    'application/json; charset=latin1',
    'text/plain',
    'x',
    '',
    'multipart/form-data',
  ),
)
/** Bytes for a connection: a request, right in most of its parts. */
export const request: Arbitrary<Buffer> = fc
  .record({
    line,
    version: mostly(fc.constant('HTTP/1.1'), oneOf('HTTP/1.0', 'HTTP/2.0', 'HTTP/9.9', 'HTTP', '')),
    headers: fc.array(header, { maxLength: 1 }),
    contentType,
    hasBody: mostly(fc.constant(true), fc.constant(false)),
    body,
    isChunked: mostly(fc.constant(false), fc.constant(true)),
    /** One byte of the whole is another. */
    mutation: mostly(
      fc.constant(null),
      fc.tuple(fc.double({ min: 0, max: 1, noNaN: true }), fc.nat({ max: 255 })),
    ),
  })
  .map(({ mutation, ...parts }) => {
    const bytes = written(parts)
    if (mutation !== null) bytes[Math.floor(mutation[0] * (bytes.length - 1))] = mutation[1]
    return bytes
  })

function written(parts: {
  line: string
  version: string
  headers: string[]
  contentType: string | null
  hasBody: boolean
  body: { json: Buffer; lines: Buffer }
  isChunked: boolean
}): Buffer {
  const isBulk = parts.line.includes('/bulk')
  const head = [`${parts.line} ${parts.version}`, 'host: x', 'connection: close', ...parts.headers]
  if (!parts.hasBody || parts.line.startsWith('GET ')) return Buffer.from(`${head.join('\r\n')}\r\n\r\n`)
  const body = isBulk ? parts.body.lines : parts.body.json
  const usualType = isBulk ? 'application/x-ndjson' : 'application/json'
  head.push(`content-type: ${parts.contentType ?? usualType}`)
  head.push(parts.isChunked ? 'transfer-encoding: chunked' : `content-length: ${body.length}`)
  return Buffer.concat([Buffer.from(`${head.join('\r\n')}\r\n\r\n`), parts.isChunked ? chunked(body) : body])
}

function chunked(body: Buffer): Buffer {
  const chunk =
    body.length === 0 ? [] : [Buffer.from(`${body.length.toString(16)}\r\n`), body, Buffer.from('\r\n')]
  return Buffer.concat([...chunk, Buffer.from('0\r\n\r\n')])
}

/** As a URL takes it; what is encoded already stays. */
function encoded(text: string): string {
  return text.toWellFormed().replace(/[^\x21-\x7e]/gu, encodeURIComponent)
}

function base64url(text: string): string {
  return Buffer.from(text).toString('base64url')
}
