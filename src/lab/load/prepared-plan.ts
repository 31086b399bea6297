import { defaultTimeoutS, type LoadPlan } from './generator.ts'
import { takeNumbers } from './numbers.ts'
import { originOf, prepareRequest } from './prepare-request.ts'
import { type PreparedRequest, weightedOrder } from './templates.ts'

/** What the lab tells a generator that builds no requests: a plan whose requests are ready. */
export interface PreparedPlan extends Required<Omit<LoadPlan, 'baseUrl' | 'requests'>> {
  readonly origin: string
  readonly requests: readonly PreparedRequest[]
  /** Indexes of `requests`, in the order to send them. */
  readonly order: readonly number[]
  /** The first number for `{n}`. The generator may use `numbersPerS` of them for each second of the plan. */
  readonly firstNumber: number
}

export function preparePlan({ baseUrl, requests, ...plan }: LoadPlan): PreparedPlan {
  return {
    insecure: false,
    timeoutS: defaultTimeoutS,
    ...plan,
    origin: originOf(baseUrl),
    requests: requests.map(request => prepareRequest(baseUrl, request)),
    order: weightedOrder(requests),
    firstNumber: takeNumbers(plan.warmupS + plan.durationS),
  }
}
