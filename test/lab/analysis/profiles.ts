import type { CpuProfile } from '../../../src/lab/analysis/call-tree.ts'

/** A profile of stacks, outermost function first as `name@@url`, each with the samples that found it innermost. */
export function profileOf(stacks: Readonly<Record<string, number>>): CpuProfile {
  const nodes = [{ id: 1, callFrame: { functionName: '(root)', url: '' }, children: [] as number[] }]
  const samples: number[] = []
  for (const [stack, count] of Object.entries(stacks)) {
    let parent = nodes[0]
    for (const frame of stack.split(' > ')) {
      const [functionName = '', url = ''] = frame.split('@@')
      const node = { id: nodes.length + 1, callFrame: { functionName, url }, children: [] as number[] }
      nodes.push(node)
      parent?.children.push(node.id)
      parent = node
    }
    samples.push(...Array.from({ length: count }, () => parent?.id ?? 1))
  }
  return { nodes, samples }
}
