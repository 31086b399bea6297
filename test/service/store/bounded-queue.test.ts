import { performance } from 'node:perf_hooks'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import type { ServiceError } from '../../../src/service/errors.ts'
import { BoundedQueue, type Waiting } from '../../../src/service/store/bounded-queue.ts'

interface Item extends Waiting {
  readonly name: string
}

const refused: string[] = []
const gone = new Set<string>()

function item(name: string, { count = 1, weight = 1 } = {}): Item {
  return {
    name,
    count,
    weight,
    sinceMs: performance.now(),
    isCancelled: () => gone.has(name),
    refuse: ({ code }: ServiceError) => refused.push(`${name}: ${code}`),
  }
}

const openQueue = () =>
  new BoundedQueue<Item>({ limit: 5, weightLimit: 100, deadlineMs: 1000, turn: 'a turn' })

beforeEach(() => {
  refused.length = 0
  gone.clear()
  nowMs = 0
  vi.useFakeTimers()
  vi.spyOn(performance, 'now').mockImplementation(() => nowMs)
})
afterEach(() => {
  vi.restoreAllMocks()
  vi.useRealTimers()
})

let nowMs = 0

function advance(ms: number): void {
  for (const endMs = nowMs + ms; nowMs < endMs; nowMs++) vi.advanceTimersByTime(1)
}

describe('BoundedQueue', () => {
  it('gives items in the order of their arrival', () => {
    const queue = openQueue()
    for (const name of ['a', 'b', 'c']) queue.push(item(name))
    expect(queue.first?.name).toBe('a')
    expect([queue.take(), queue.take(), queue.take(), queue.take()].map(each => each?.name)).toEqual([
      'a',
      'b',
      'c',
      undefined,
    ])
    expect(queue.count).toBe(0)
  })

  it.each([
    ['count', { count: 2 }],
    ['weight', { weight: 98 }],
  ])('takes no more than its limit of %s, and more again when there is room', (_, size) => {
    const queue = openQueue()
    queue.push(item('first', { count: 4, weight: 3 }))
    expect(() => queue.push(item('second', size))).toThrow(expect.objectContaining({ code: 'overloaded' }))
    expect([queue.count, queue.weight]).toEqual([4, 3])
    queue.take()
    queue.push(item('second', size))
    expect(queue.first?.name).toBe('second')
  })

  it('keeps an item that does not fit, and those behind it', () => {
    const queue = openQueue()
    queue.push(item('large', { count: 3 }))
    queue.push(item('small'))
    expect(queue.take(({ count }) => count < 3)).toBeUndefined()
    expect(queue.count).toBe(4)
    expect(queue.take(({ count }) => count < 4)?.name).toBe('large')
  })

  it('refuses items at their deadline and keeps the others', () => {
    const queue = openQueue()
    queue.push(item('early'))
    advance(600)
    queue.push(item('late'))
    advance(650)
    expect(refused).toEqual(['early: deadline_exceeded'])
    expect([queue.count, queue.weight, queue.first?.name]).toEqual([1, 1, 'late'])
  })

  it('does not give an item whose deadline has passed since the last sweep', () => {
    const queue = openQueue()
    advance(200)
    queue.push(item('late'))
    advance(1001)
    expect(refused).toEqual([])
    expect(queue.take()).toBeUndefined()
    expect(refused).toEqual(['late: deadline_exceeded'])
  })

  it('drops items that nobody waits for, at their turn or before it', () => {
    const queue = openQueue()
    for (const name of ['a', 'b', 'c', 'd', 'e']) queue.push(item(name))
    gone.add('a').add('b')
    expect(queue.take()?.name).toBe('c')
    expect(refused).toEqual(['a: client_gone', 'b: client_gone'])
    gone.add('e')
    advance(250)
    expect(refused).toEqual(['a: client_gone', 'b: client_gone', 'e: client_gone'])
    expect(queue.count).toBe(1)
  })

  it('has no timer left after it was closed', () => {
    const queue = openQueue()
    expect(vi.getTimerCount()).toBe(1)
    queue.close()
    expect(vi.getTimerCount()).toBe(0)
  })
})
