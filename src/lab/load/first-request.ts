import { once } from 'node:events'
import { type IncomingMessage, request as requestHttp } from 'node:http'
import { request as requestHttps } from 'node:https'
import { codeOf, LabError, messageOf } from '../errors.ts'
import { takeNumbers } from './numbers.ts'
import { nameOf, originOf, prepareRequest } from './prepare-request.ts'
import { filled, type RequestTemplate } from './templates.ts'

const usualPatienceS = 5

export interface FirstRequestOptions {
  /** Accept any certificate. */
  readonly insecure?: boolean
  /** How long the answer may take. */
  readonly timeoutS?: number
  /** What messages call the service; its address by default. */
  readonly name?: string
  /** What to do about a service that does not succeed, in place of advice that names options of `attach`. */
  readonly remedy?: string
}

/**
 * Sends one request, built as those of the load are. A service that does not answer it with 2xx gets no load. Throws
 * LAB_TARGET with the failure and what to do about it.
 */
export async function requireSuccess(
  baseUrl: string,
  template: RequestTemplate,
  signal: AbortSignal,
  { insecure = false, timeoutS = usualPatienceS, name, remedy }: FirstRequestOptions = {},
): Promise<void> {
  const patience = AbortSignal.timeout(timeoutS * 1000)
  const origin = originOf(baseUrl)
  const prepared = filled(prepareRequest(baseUrl, template), takeNumbers(1))
  const what = nameOf(prepared)
  const who = name ?? origin
  const { method, target, headers, body } = prepared
  const { hostname, port, protocol } = new URL(origin)
  try {
    const send = protocol === 'https:' ? requestHttps : requestHttp
    const request = send({
      ...{ hostname: hostname.replace(/^\[|\]$/g, ''), port, path: target, method },
      headers: { ...headers, ...(body !== null && { 'content-length': String(Buffer.byteLength(body)) }) },
      ...(protocol === 'https:' && { rejectUnauthorized: !insecure }),
      agent: false,
      signal: AbortSignal.any([signal, patience]),
    })
    request.end(body ?? undefined)
    const [response] = (await once(request, 'response')) as [IncomingMessage]
    response.resume()
    await once(response, 'close')
    const { statusCode: status = 0, complete } = response
    if (!complete) throw unfit(`${who} broke off its answer to ${what}`, remedy ?? usualRemedy)
    if (status < 200 || status > 299) {
      throw unfit(
        `${who} answers ${status} to ${what}`,
        remedy ?? remedyFor(status, response.headers.location),
      )
    }
  } catch (error) {
    signal.throwIfAborted()
    if (error instanceof LabError) throw error
    if (patience.aborted) {
      throw unfit(
        `${who} does not answer ${what} within ${timeoutS} s`,
        remedy ?? 'Give it longer with --timeout <s>, or mend the service.',
      )
    }
    throw unfit(
      // If all of several addresses refuse, Node's error has a code and no message.
      `${who} does not answer: ${messageOf(error) || codeOf(error)}`,
      remedy ?? (isCertificateError(error) ? insecureRemedy : usualRemedy),
      error,
    )
  }
}

export const insecureRemedy = '--insecure accepts any certificate.'
const usualRemedy = 'Start or mend the service, or correct --url, --path or --scenario.'

/** What to do about an answer whose status is not 2xx. */
export function remedyFor(status: number, location?: string, otherwise = usualRemedy): string {
  if (status >= 300 && status <= 399) {
    return location === undefined
      ? 'The load does not follow redirects: name the address that it leads to.'
      : `It leads to ${location}, and the load does not follow redirects: name that as --url and --path.`
  }
  return remedies[status] ?? otherwise
}

const remedies: Record<number, string> = {
  400: 'Give the service what it asks for: --method, --body, --header "content-type: …".',
  401: 'Say who you are: --header "authorization: Bearer …".',
  403: 'Say who you are: --header "authorization: Bearer …", or name a path that is allowed.',
  404: 'Correct --url or --path.',
  405: 'Name another --method.',
  415: 'Say what the body is: --header "content-type: …".',
  422: 'Correct --body.',
  429: 'The service limits the rate: lower --max-connections and --max-rate, or raise its limit for the test.',
  503: 'The service refuses work: wait until it is ready, or lower --max-connections and --max-rate.',
}

/** Node's TLS rejects the certificate. */
export function isCertificateError(error: unknown): error is Error {
  return /CERT|SELF_SIGNED|VERIFY/.test(codeOf(error))
}

function unfit(message: string, remedy: string, cause?: unknown): LabError {
  return new LabError('LAB_TARGET', message, remedy, { cause })
}
