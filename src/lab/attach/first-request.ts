import { LabError } from '../errors.ts'
import { filled, type RequestTemplate } from '../load/templates.ts'

const patienceMs = 5_000

/**
 * Sends one request and wants it answered with 2xx, before any load: whoever fails alone is not asked for
 * more. Throws LAB_TARGET with how it failed.
 */
export async function requireSuccess(
  baseUrl: string,
  { method = 'GET', path, headers, body }: RequestTemplate,
  signal: AbortSignal,
): Promise<void> {
  const patience = AbortSignal.timeout(patienceMs)
  const what = `${method} ${path}`
  try {
    const response = await fetch(baseUrl + filled(path, 0), {
      method,
      ...(headers && { headers }),
      ...(body !== undefined && { body: filled(body, 0) }),
      // A redirect would take the load elsewhere; the generators do not follow one either.
      redirect: 'manual',
      signal: AbortSignal.any([signal, patience]),
    })
    await response.arrayBuffer()
    if (!response.ok) throw unfit(`${baseUrl} answers ${response.status} to ${what}`)
  } catch (error) {
    signal.throwIfAborted()
    if (error instanceof LabError) throw error
    if (patience.aborted) throw unfit(`${baseUrl} does not answer ${what} within ${patienceMs / 1000} s`)
    const cause = error instanceof Error && error.cause instanceof Error ? error.cause : error
    throw unfit(`${baseUrl} does not answer: ${messageOf(cause)}`, error)
  }
}

/** Of several addresses that all refused, Node's error has only a code. */
function messageOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error)
  return error.message || ('code' in error ? String(error.code) : error.name)
}

function unfit(message: string, cause?: unknown): LabError {
  return new LabError(
    'LAB_TARGET',
    message,
    'Start or mend the service, or correct --url, --path or --scenario.',
    {
      cause,
    },
  )
}
