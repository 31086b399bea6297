import type { RequestTemplate } from './load/templates.ts'

/**
 * Masks secrets in everything that the lab writes: results, report, live page, junit, service log, terminal. It finds
 * them by their names where a text has `name=value`, `"name": "value"` or `name: value`. It also remembers the secret
 * values of the input, because they may appear without a name.
 */

const mask = '***'
const secretName = '[\\w.-]*(?:authorization|cookie|token|key|passw|pwd|secret|credential|signature)[\\w.-]*'
const isSecretName = new RegExp(`^${secretName}$`, 'i')
/** Shorter values appear in many texts by chance, so replacing them would spoil the text. */
const shortestKnown = 4
/** Headers whose values are not secret and appear in many texts. */
const harmlessHeaders: ReadonlySet<string> = new Set([
  'accept',
  'content-type',
  'content-length',
  'host',
  'user-agent',
])

const known = new Set<string>()

/** From now on this value is masked wherever it appears, also encoded for a URL or JSON. */
export function hide(secret: string): void {
  if (secret.length < shortestKnown || /^\*+$/.test(secret)) return
  known.add(secret)
  known.add(encodeURIComponent(secret))
  known.add(encodeURI(secret))
  known.add(JSON.stringify(secret).slice(1, -1))
}

/** Hides the credentials and the parameters with a secret name, in the URL of a service or a database. */
export function hideSecretsOfUrl(url: string): void {
  const credentials = /^[\w+.-]+:\/\/([^/?#]*)@/.exec(url)?.[1]
  const [, user = '', password] = /^([^:]*)(?::(.*))?$/s.exec(credentials ?? '') ?? []
  // A user without a password is a token in an HTTP URL. In the URL of a database it is only a name.
  const secret = password ?? (/^https?:/i.test(url) ? user : '')
  for (const value of [secret, decoded(secret)]) hide(value)
  if (password !== undefined) hide(Buffer.from(`${decoded(user)}:${decoded(password)}`).toString('base64'))
  hidePairs(url)
}

/** Hides the secrets in headers, body and path of a request, and other headers unless they may be shown. */
export function hideSecretsOfRequest(
  { path, headers = {}, body }: RequestTemplate,
  showHeaders = false,
): void {
  hidePairs(path)
  for (const [name, value] of Object.entries(headers)) {
    if (isSecretName.test(name)) hideParts(value)
    else if (!showHeaders && !harmlessHeaders.has(name.toLowerCase())) hide(value)
  }
  if (body === undefined) return
  hidePairs(body)
  for (const [, value = ''] of body.matchAll(jsonPairs)) hide(unquoted(value))
}

/** Hides the whole value of a header, the credentials without their scheme, and the values of cookies. */
function hideParts(value: string): void {
  hide(value)
  const [, credentials] = /^\w+\s+(.+)$/.exec(value) ?? []
  if (credentials !== undefined) hide(credentials)
  hidePairs(value, /./)
}

/** The text without any secret. */
export function masked(text: string): string {
  let safe = text
    .replace(/(\b[a-z][\w+.-]*:\/\/)([^\s/?#@'"]*)@/gi, (_, scheme: string, credentials: string) => {
      const [user = ''] = credentials.split(':')
      const isToken = /^https?:/i.test(scheme) && !credentials.includes(':')
      return `${scheme}${isToken ? mask : user}${credentials.includes(':') ? `:${mask}` : ''}@`
    })
    .replace(pairs, (all, name: string, value: string) => (isPlaceholder(value) ? all : `${name}=${mask}`))
    .replace(jsonPairs, (all, value: string) =>
      isPlaceholder(unquoted(value)) ? all : all.replace(value, `"${mask}"`),
    )
    .replace(headerLines, `$1: ${mask}`)
  for (const secret of known) safe = safe.replaceAll(secret, mask)
  return safe
}

/** Masks every text in a JSON value, but not the names of its fields. */
export function maskedDeep<Value>(value: Value): Value {
  return maskedJson(value) as Value
}

function maskedJson(value: unknown): unknown {
  if (typeof value === 'string') return masked(value)
  if (Array.isArray(value)) return value.map(maskedJson)
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(Object.entries(value).map(([name, inner]) => [name, maskedJson(inner)]))
}

/** A header, as `name: value`, for the command that repeats the run. */
export function maskedHeader(header: string, isShown: boolean): string {
  const [name = ''] = header.split(':')
  return isShown && !isSecretName.test(name) ? masked(header) : `${name}: ${mask}`
}

const pairs = new RegExp(`(?<![\\w.-])(${secretName})=([^&\\s"'#;,]+)`, 'gi')
const jsonPairs = new RegExp(`"${secretName}"\\s*:\\s*("(?:[^"\\\\]|\\\\.)*"|-?[\\d.]+)`, 'gi')
const headerLines = /(?<![\w-])((?:proxy-)?authorization|(?:set-)?cookie):(?!\s*(?:\w+ )?…)\s*[^'"\n]+/gi

/** A placeholder is not a secret. */
function isPlaceholder(value: string): boolean {
  return /^(?:\$\d+|\{\w+(?::[\d-]+)?\}|\*+)$/.test(value)
}

function hidePairs(text: string, names = isSecretName): void {
  for (const [, name = '', value = ''] of text.matchAll(/([\w.%-]+)=([^&\s"'#;,]+)/g)) {
    if (!names.test(decoded(name)) || isPlaceholder(value)) continue
    hide(value)
    hide(decoded(value))
  }
}

function unquoted(json: string): string {
  return String(JSON.parse(json))
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text)
  } catch {
    return text
  }
}
