import { type Static, Type } from 'typebox'

/** What is read of a V8 `.cpuprofile` (Chrome DevTools protocol, `Profiler.Profile`). */
export const CpuProfile = Type.Object({
  nodes: Type.Array(
    Type.Object({
      id: Type.Integer(),
      callFrame: Type.Object({
        functionName: Type.String(),
        /** Empty for native and compiled-at-run-time functions. */
        url: Type.String(),
      }),
      children: Type.Optional(Type.Array(Type.Integer())),
    }),
  ),
  /** The innermost node of the stack at each tick of the sampler. */
  samples: Type.Array(Type.Integer()),
  /** us since the tick before, for each sample. */
  timeDeltas: Type.Optional(Type.Array(Type.Number())),
})
export type CpuProfile = Static<typeof CpuProfile>

/** A function as reached by one chain of callers. */
export interface Call {
  readonly name: string
  readonly url: string
  /** Samples that found this function innermost. */
  self: number
  readonly callees: Map<string, Call>
}

/**
 * The call tree of one or more profiles of the same work; the same chain of callers becomes one branch.
 *
 * Samples are counted, not weighted by the profile's `timeDeltas`, which are wall time: on two full cores the deltas came
 * to 1.3 to 1.9 times the thread's CPU. A sample that came late is left out. Its tick fell due while the thread had no
 * core, and it names what the thread did when it lost the core, which is most often a socket write.
 */
export function callTree(profiles: readonly CpuProfile[]): Call {
  const root = newCall('(root)', '')
  for (const profile of profiles) graft(root, profile)
  return root
}

/** A tick that comes later than this many intervals fell due while the thread did not run. */
const lateIntervals = 2

function graft(root: Call, { nodes, samples, timeDeltas = [] }: CpuProfile): void {
  const sorted = timeDeltas.toSorted((a, b) => a - b)
  const lateUs = lateIntervals * (sorted[sorted.length >> 1] ?? Number.POSITIVE_INFINITY)
  const self = new Map<number, number>()
  samples.forEach((id, i) => {
    if ((timeDeltas[i] ?? 0) <= lateUs) self.set(id, (self.get(id) ?? 0) + 1)
  })
  const unvisited = new Map(nodes.map(node => [node.id, node]))
  const add = (id: number, into: (node: CpuProfile['nodes'][number]) => Call) => {
    const node = unvisited.get(id)
    if (node === undefined) return
    // A node is visited once, so that a file that is no tree cannot keep us going round.
    unvisited.delete(id)
    const call = into(node)
    call.self += self.get(id) ?? 0
    for (const child of node.children ?? []) add(child, ({ callFrame }) => calleeOf(call, callFrame))
  }
  const [top] = nodes
  if (top !== undefined) add(top.id, () => root)
}

function calleeOf(caller: Call, frame: { functionName: string; url: string }): Call {
  const key = `${frame.functionName} ${frame.url}`
  const callee = caller.callees.get(key) ?? newCall(frame.functionName, frame.url)
  caller.callees.set(key, callee)
  return callee
}

function newCall(name: string, url: string): Call {
  return { name, url, self: 0, callees: new Map() }
}
