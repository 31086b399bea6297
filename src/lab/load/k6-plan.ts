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
  /** Virtual user i sends firstNumber + i and then every `usersAtMost`-th number. There are at most `usersAtMost`. */
  readonly firstNumber: number
  readonly usersAtMost: number
}
