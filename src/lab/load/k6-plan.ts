import type { LoadShape } from './generator.ts'
import type { PreparedRequest } from './templates.ts'

/** What the lab tells its k6 script. */
export interface Plan {
  readonly origin: string
  readonly requests: readonly PreparedRequest[]
  readonly order: readonly number[]
  readonly shape: LoadShape
  readonly warmupS: number
  readonly durationS: number
  readonly insecure: boolean
  readonly timeoutS: number
  /** Virtual user i of at most `usersAtMost` sends firstNumber + i, and every `usersAtMost`-th number after it. */
  readonly firstNumber: number
  readonly usersAtMost: number
}
