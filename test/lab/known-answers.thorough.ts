import { describe, expect, test } from 'vitest'
import { rigs } from '../fixtures/rigs/rigs.ts'
import { verdictOn } from './known-answers.ts'

/** How often each rig is set up and judged; `KNOWN_ANSWERS_REPEATS=5` is the long form. */
const repeats = Number(process.env['KNOWN_ANSWERS_REPEATS'] ?? 1)

/**
 * The verdict on systems whose limit is known, because it was built into them. A machine that is busy with other
 * work is told so first, and rightly; what is asserted is the rest of what the verdict says.
 */
describe.runIf(process.platform === 'linux').each(rigs)('$name', rig => {
  test.each(Array.from({ length: repeats }, (_, index) => index + 1))('is named, run %i', async () => {
    const { limit, confidence, causes, sentence } = await verdictOn(rig)
    const named = causes.map(cause => cause.limit).filter(cause => cause !== 'environment')
    console.log(`${rig.name}: ${limit} (${confidence}): ${sentence}`)
    expect(named.slice(0, rig.expects.length), JSON.stringify(causes, null, 1)).toEqual(rig.expects)
  })
})
