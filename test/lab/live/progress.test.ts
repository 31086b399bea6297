import { PassThrough } from 'node:stream'
import { text } from 'node:stream/consumers'
import { expect, test } from 'vitest'
import { createProgress } from '../../../src/lab/live/progress.ts'

test('where there is no terminal each step leaves a line, and more steps than guessed are not more than all', async () => {
  const output = new PassThrough()
  const progress = createProgress(10, output as unknown as NodeJS.WriteStream)
  for (const step of ['first', 'second', 'unforeseen']) {
    progress.begin(step, 5)
    progress.live(1234)
    progress.done(`${step} is done`)
  }
  output.end()
  expect((await text(output)).split('\n')).toEqual([
    'first load: 1,230 requests/s',
    '[50 %] first is done',
    '[100 %] second is done',
    '[100 %] unforeseen is done',
    '',
  ])
})
