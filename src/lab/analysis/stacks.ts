import type { LayerShares } from './cpu-layers.ts'

/** A call stack, outermost first, and how often or how long a profiler met it. */
export interface Stack<Frame> {
  readonly frames: readonly Frame[]
  readonly weight: number
}

/**
 * Charges each stack to the layer of its innermost frame that has a layer. Frames without one (a standard
 * library, native code) work for their caller. A stack without any is `otherwise`. null where there are no stacks.
 */
export function foldStacks<Frame>(
  stacks: readonly Stack<Frame>[],
  layerOf: (frame: Frame, callers: readonly Frame[]) => string | null,
  otherwise: string,
): LayerShares | null {
  const weights = new Map<string, number>()
  for (const { frames, weight } of stacks) {
    const layer = innermostLayer(frames, layerOf) ?? otherwise
    weights.set(layer, (weights.get(layer) ?? 0) + weight)
  }
  const total = [...weights.values()].reduce((sum, weight) => sum + weight, 0)
  if (total <= 0) return null
  return { shares: new Map([...weights].map(([layer, weight]) => [layer, weight / total])), agreement: null }
}

function innermostLayer<Frame>(
  frames: readonly Frame[],
  layerOf: (frame: Frame, callers: readonly Frame[]) => string | null,
): string | null {
  for (let depth = frames.length - 1; depth >= 0; depth--) {
    const frame = frames[depth]
    const layer = frame === undefined ? null : layerOf(frame, frames.slice(0, depth))
    if (layer !== null) return layer
  }
  return null
}
