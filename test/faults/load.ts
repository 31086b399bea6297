import { randomUUID } from 'node:crypto'
import { Agent } from 'node:http'
import { problems } from '../../src/service/errors.ts'
import { type Answer, get, postJson, postLines } from '../helpers/clients.ts'

export type Kind = 'text' | 'task' | 'bulk' | 'test-insert'

/** A request that wants rows stored, and what its client knows of them. */
export interface Attempt {
  readonly kind: Kind
  /** One a row; each is unique, but those of `test-insert`, which stores what it likes. */
  readonly texts: readonly string[]
  readonly sentMs: number
  endedMs: number
  /** `refused`: the client may be certain that nothing was stored. */
  outcome: 'acknowledged' | 'refused' | 'unknown'
  /** The status, the problem's code, or why there was no answer. */
  answer: string
  /** As far as the answer names them. */
  ids: readonly number[]
}

/** The text of the rows of `/test-insert`. */
export const testInsertText = 'a row of the insert test'

const ratePerS = 350
const agents = 32
const sendEveryMs = 10
/** Far more than any limit of the service. */
const answerLimitMs = 30_000

/** Half of it by `POST /texts`; the others take every other way that rows have into the service. */
const mix: readonly { kind: Kind; strategy?: string }[] = [
  { kind: 'text' },
  { kind: 'task' },
  { kind: 'text' },
  { kind: 'test-insert', strategy: 'prepared' },
  { kind: 'text' },
  { kind: 'test-insert', strategy: 'single' },
  { kind: 'text' },
  { kind: 'task' },
  { kind: 'text' },
  { kind: 'test-insert', strategy: 'copy' },
  { kind: 'text' },
  { kind: 'bulk' },
]

/**
 * Inserts at a fixed rate over many connections, whatever the answers are, as the outside world sends them. Nothing is
 * sent twice.
 */
export class Load {
  readonly attempts: Attempt[] = []
  /** Those that were answered, in the order of their answers. */
  readonly ended: Attempt[] = []
  readonly startMs = performance.now()
  readonly #url: string
  readonly #agents = Array.from({ length: agents }, () => new Agent({ keepAlive: true }))
  readonly #open = new Set<Promise<void>>()
  readonly #timer: NodeJS.Timeout
  #due = 0

  constructor(url: string) {
    this.#url = url
    this.#timer = setInterval(() => this.#sendDue(), sendEveryMs)
  }

  get acknowledged(): number {
    return this.ended.reduce((sum, { outcome }) => sum + (outcome === 'acknowledged' ? 1 : 0), 0)
  }

  /** Requests without an answer yet. */
  get open(): number {
    return this.#open.size
  }

  /** Records a request that somebody else sends. */
  record(kind: Kind, texts: readonly string[], answered: Promise<Answer>): Promise<void> {
    const attempt: Attempt = {
      ...{ kind, texts, sentMs: performance.now(), endedMs: Number.NaN },
      ...{ outcome: 'unknown', answer: 'no answer yet', ids: [] },
    }
    this.attempts.push(attempt)
    const recorded = answered.then(answer => {
      this.#open.delete(recorded)
      Object.assign(attempt, understand(answer), { endedMs: performance.now() })
      this.ended.push(attempt)
    })
    this.#open.add(recorded)
    return recorded
  }

  /** Sends no more, and waits for the answers. */
  async stop(): Promise<void> {
    clearInterval(this.#timer)
    await Promise.all(this.#open)
    for (const agent of this.#agents) agent.destroy()
  }

  #sendDue(): void {
    const due = ((performance.now() - this.startMs) / 1000) * ratePerS
    for (; this.#due < due; this.#due++) {
      const { kind, strategy } = mix[this.#due % mix.length] ?? { kind: 'text' }
      const texts = kind === 'test-insert' ? [testInsertText] : newTexts(kind === 'bulk' ? 3 : 1)
      const agent = this.#agents[this.#due % agents] as Agent
      void this.record(kind, texts, this.#send(agent, kind, texts, strategy))
    }
  }

  #send(agent: Agent, kind: Kind, texts: readonly string[], strategy = ''): Promise<Answer> {
    const signal = AbortSignal.timeout(answerLimitMs)
    switch (kind) {
      case 'text':
        return postJson(agent, `${this.#url}/texts`, { text: texts[0] }, signal)
      case 'task':
        return postJson(agent, `${this.#url}/tasks`, { title: texts[0] }, signal)
      case 'bulk':
        return postLines(
          agent,
          `${this.#url}/texts/bulk`,
          texts.map(text => ({ text })),
          signal,
        )
      case 'test-insert':
        return get(agent, `${this.#url}/test-insert?strategy=${strategy}`, signal)
    }
  }
}

export function newTexts(count = 1): string[] {
  return Array.from({ length: count }, () => randomUUID())
}

/** A request as bytes, for clients that do what they like with their socket. */
export function postOfText(text: string): string {
  const body = JSON.stringify({ text })
  const head = ['POST /texts HTTP/1.1', 'host: x', 'content-type: application/json']
  return [...head, `content-length: ${body.length}`, '', body].join('\r\n')
}

/** Codes after which something may be stored all the same. */
const uncertain = ['outcome_unknown', 'internal']

function understand({ status, body }: Answer): Pick<Attempt, 'outcome' | 'answer' | 'ids'> {
  if (status === 200 || status === 201) {
    const { id, count } = JSON.parse(body) as { id?: number; count?: number }
    if (id === undefined && count === undefined) throw new Error(`an answer without ids: ${body}`)
    return { outcome: 'acknowledged', answer: String(status), ids: id === undefined ? [] : [id] }
  }
  // Nothing was sent.
  if (status === 'ECONNREFUSED') return { outcome: 'refused', answer: status, ids: [] }
  if (typeof status === 'string') return { outcome: 'unknown', answer: status, ids: [] }
  const code = codeOf(body) ?? `${status} without a code`
  const isCertain = code in problems && !uncertain.includes(code)
  return { outcome: isCertain ? 'refused' : 'unknown', answer: code, ids: [] }
}

function codeOf(body: string): string | undefined {
  try {
    return (JSON.parse(body) as { code?: string }).code
  } catch {
    return undefined
  }
}
