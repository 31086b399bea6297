import { Profile, StringTable } from 'pprof-format'
import { expect, test } from 'vitest'
import type { LayerShares } from '../../../src/lab/analysis/cpu-layers.ts'
import { goLayers } from '../../../src/lab/analysis/go-layers.ts'
import { pythonLayers } from '../../../src/lab/analysis/python-layers.ts'

const sharesOf = (layers: LayerShares | null) => Object.fromEntries(layers?.shares ?? [])

const packages = '/venv/lib/python3.13/site-packages'
const library = '/usr/lib/python3.13'

test('a Python sample belongs to the package it was found in', () => {
  const raw = [
    `main (/app/server.py:9);run (${packages}/uvicorn/server.py:67);execute (${packages}/sqlalchemy/engine/base.py:1) 4`,
    `main (/app/server.py:9);fetch (${packages}/asyncpg/connection.py:10) 3`,
    `main (/app/server.py:9);route (${packages}/starlette/routing.py:5) 2`,
    `main (/app/server.py:9);parse (${packages}/httptools/__init__.py:5) 1`,
  ].join('\n')
  expect(sharesOf(pythonLayers(raw))).toEqual({
    sqlalchemy: 0.4,
    asyncpg: 0.3,
    starlette: 0.2,
    httptools: 0.1,
  })
})

test('the standard library and native code work for whoever calls them, asyncio for itself', () => {
  const raw = [
    `handler (/app/report.py:9);dumps (${library}/json/__init__.py:2);encode (${library}/json/encoder.py:1) 1`,
    `validate (${packages}/pydantic/main.py:7);call (<frozen functools>:3) 1`,
    `run (${packages}/uvicorn/main.py:1);run_until_complete (${library}/asyncio/base_events.py:3) 1`,
    `lone (${packages}/typing_extensions.py:3) 1`,
    `run (${library}/threading.py:3);select (${library}/selectors.py:9) 1`,
  ].join('\n')
  expect(sharesOf(pythonLayers(raw))).toEqual({
    ...{
      'own code: app/': 0.2,
      pydantic: 0.2,
      'event loop': 0.2,
      typing_extensions: 0.2,
      'standard library': 0.2,
    },
  })
})

test('a Python profile that saw nothing says nothing', () => {
  expect(pythonLayers('')).toBeNull()
})

/** A Go profile of stacks written as Go's tools do, innermost first. */
function goProfile(stacks: readonly (readonly [ns: number, ...frames: string[]])[]): Uint8Array {
  const stringTable = new StringTable()
  const names = [...new Set(stacks.flatMap(([, ...frames]) => frames))]
  const idOf = (name: string) => names.indexOf(name) + 1
  return new Profile({
    stringTable,
    function: names.map(name => ({ id: idOf(name), name: stringTable.dedup(name) })),
    location: names.map(name => ({ id: idOf(name), line: [{ functionId: idOf(name) }] })),
    sample: stacks.map(([ns, ...frames]) => ({ locationId: frames.map(idOf), value: [1, ns] })),
  }).encode()
}

const serve = ['net/http.(*conn).serve'] as const
const gin = ['github.com/gin-gonic/gin.(*Engine).ServeHTTP', ...serve] as const
const pgx = ['github.com/jackc/pgx/v5/pgconn.(*PgConn).exec', 'main.insert', ...gin] as const

test('a Go sample belongs to the module it was found in, the runtime to whoever calls it', () => {
  const layers = goLayers(
    goProfile([
      [10, ...pgx],
      [20, 'runtime.mallocgc', ...gin],
      [30, 'main.testInsert.func1', ...gin],
      [40, 'bufio.(*Writer).Flush', ...serve],
    ]),
  )
  expect(sharesOf(layers)).toEqual({ pgx: 0.1, gin: 0.2, 'own code: main': 0.3, 'net/http': 0.4 })
})

test('system calls are told apart by who made them and which way the bytes went', () => {
  const call = 'internal/runtime/syscall.Syscall6'
  const layers = goLayers(
    goProfile([
      [10, call, 'syscall.write', 'internal/poll.(*FD).Write', ...pgx],
      [20, call, 'syscall.write', 'internal/poll.(*FD).Write', ...serve],
      [30, call, 'syscall.read', 'internal/poll.(*FD).Read', ...serve],
      [30, 'runtime.futex', 'runtime.schedule', 'runtime.mcall'],
      [10, 'runtime.scanobject', 'runtime.gcDrain', 'runtime.gcBgMarkWorker'],
    ]),
  )
  expect(sharesOf(layers)).toEqual({
    'kernel: sending queries': 0.1,
    'kernel: sending answers': 0.2,
    'kernel: receiving': 0.3,
    'go scheduler': 0.3,
    'garbage collector': 0.1,
  })
})
