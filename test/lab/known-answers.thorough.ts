import { describe, expect, test } from 'vitest'
import type { Diagnosis } from '../../src/lab/results.ts'
import { type Rig, rigs } from '../fixtures/rigs/rigs.ts'
import { verdictOn } from './known-answers.ts'

/** How often each rig is set up and diagnosed; `KNOWN_ANSWERS_REPEATS=5` is the long form. */
const repeats = Number(process.env['KNOWN_ANSWERS_REPEATS'] ?? 1)

/** What the log keeps, so that a wrong diagnosis can be traced to its evidence. */
function inWords({ name }: Rig, { limit, confidence, sentence, causes }: Diagnosis): string {
  const evidence = causes.flatMap(cause => cause.evidence.map(line => `  ${cause.limit}: ${line}`))
  return [`${name}: ${limit}, ${confidence}`, `  ${sentence}`, ...evidence].join('\n')
}

/**
 * The diagnosis on systems whose limit is known, because it was built into them. A machine that is busy with other
 * work is told so first, and rightly; what is asserted is the rest of what the diagnosis says.
 */
describe.runIf(process.platform === 'linux').each(rigs)('$name', rig => {
  test.each(Array.from({ length: repeats }, (_, index) => index + 1))('is named, run %i', async () => {
    const diagnosis = await verdictOn(rig)
    const named = diagnosis.causes.map(({ limit }) => limit).filter(limit => limit !== 'environment')
    console.log(inWords(rig, diagnosis))
    expect(named.slice(0, rig.expects.length)).toEqual(rig.expects)
  })
})
