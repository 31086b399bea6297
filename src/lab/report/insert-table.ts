import type { Results } from '../results.ts'
export function insertTable(_: Results): { markdown: string; svg: string } | null {
  return null
}
