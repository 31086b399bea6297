/** A new array in random order (Fisher-Yates), so that drift of the machine favours no step. */
export function shuffled<T>(items: readonly T[]): T[] {
  const pool = [...items]
  return items.flatMap(() => pool.splice(Math.floor(Math.random() * pool.length), 1))
}

/** Whole groups in random order, each of them shuffled: items of one key stay together. */
export function shuffledInGroups<T>(items: readonly T[], keyOf: (item: T) => string): T[] {
  const groups = Object.values(Object.groupBy(items, keyOf)).filter(group => group !== undefined)
  return shuffled(groups).flatMap(shuffled)
}
