import { afterEach, expect, test, vi } from 'vitest'
import { labelOf, type Step } from '../../../src/lab/experiments/experiment.ts'
import { peersCompared } from '../../../src/lab/experiments/peers.ts'
import type { Sample } from '../../../src/lab/results.ts'
import { peerOf } from '../../../src/lab/stack/peers/peers.ts'
import { figure, sample } from '../analysis/samples.ts'

afterEach(() => vi.unstubAllEnvs())

test('without Python, Go, Rust or Docker a peer says why it is unavailable, and nothing else happens', async () => {
  vi.stubEnv('PATH', '/nowhere')
  const said: string[] = []
  const say = (line: string) => said.push(line)
  expect(await peerOf('fastapi')(say)).toEqual({
    unavailable: 'Python 3.11 or newer, with the module venv, is not installed',
  })
  expect(await peerOf('gin')(say)).toEqual({ unavailable: 'Go 1.25 or newer is not installed' })
  expect(await peerOf('rust/main')(say)).toEqual({ unavailable: 'Rust (cargo) is not installed' })
  expect(await peerOf('bare-fastify in a container, host network')(say)).toEqual({
    unavailable: 'no Docker engine answers here',
  })
  expect(said).toEqual([])
})

/** What each stack costs and answers, by the beginning of its variant. */
const known: Record<string, { us: number; rate: number }> = {
  'insertlab, batched, 10': { us: 30, rate: 20_000 },
  'insertlab, batched': { us: 20, rate: 40_000 },
  'gin + pgx, 10': { us: 150, rate: 5000 },
  'gin + pgx': { us: 50, rate: 13_000 },
  'FastAPI + SQLAlchemy text(), 10': { us: 2100, rate: 480 },
  'FastAPI + SQLAlchemy text()': { us: 800, rate: 1200 },
  'FastAPI, tuned': { us: 200, rate: 4000 },
}

function measured(step: Step): Sample[] {
  const [, cost] = Object.entries(known).find(([start]) => step.variant.startsWith(start)) ?? []
  if (cost === undefined) return []
  return [
    sample({
      label: labelOf(step),
      knobs: step.knobs,
      throughputPerS: figure(cost.rate),
      cpuPerRequestUs: { api: figure(cost.us), database: figure(10), generator: figure(15) },
    }),
  ]
}

test('the answer holds ours against each, and each goal with what was reached', () => {
  const { answer, diagnosed } = peersCompared.conclude(peersCompared.steps.flatMap(measured))
  expect(diagnosed?.label).toBe('insertlab, batched, 64 connections')
  expect(answer).toContain('FastAPI + SQLAlchemy text(): 800 us (760–840), 40 times (36.2–44.2) ours.')
  expect(answer).toContain("Goal 30 times (CPU of the report's stack): reached, 40 times (36.2–44.2).")
  expect(answer).toContain("Goal 40 times (CPU of the report's stack with ten rows): reached, 70 times")
  expect(answer).toContain('Goal 2 times (CPU of gin): reached, 2.5 times')
  expect(answer).toContain('Goal 3 times (rate compared with gin): reached, 3.08 times')
})

test('a goal that is missed is said to be', () => {
  const cheap = peersCompared.steps
    .flatMap(measured)
    .map(one =>
      one.knobs['stack'] === 'gin + pgx'
        ? { ...one, cpuPerRequestUs: { ...one.cpuPerRequestUs, api: figure(25) } }
        : one,
    )
  expect(peersCompared.conclude(cheap).answer).toContain('Goal 2 times (CPU of gin): missed, 1.25 times')
})

test('stacks that could not be measured are not spoken of', () => {
  const ours = peersCompared.steps.filter(({ program }) => program === undefined).flatMap(measured)
  expect(peersCompared.conclude(ours).answer).not.toMatch(/gin|FastAPI/)
})
