import { mkdtempDisposableSync, readlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { basename, join } from 'node:path'
import { expect, test } from 'vitest'
import {
  createResultsFolder,
  readResults,
  renderAgain,
  resumeResultsFolder,
} from '../../../src/lab/run/results-folder.ts'
import { resultsOf } from '../analysis/results.ts'
import { sample } from '../analysis/samples.ts'

test('two runs of one name that start in the same second keep a folder each', () => {
  using temporary = mkdtempDisposableSync(join(tmpdir(), 'insertlab-folders-'))
  const parent = temporary.path
  const startedAt = new Date('2026-11-25T12:00:00.700Z')
  const [first, second] = ['first', 'second'].map(name => {
    const folder = createResultsFolder(parent, 'ping', startedAt)
    folder.save(resultsOf({ name }))
    return folder
  })
  expect(first && basename(first.path)).toBe('2026-11-25T12-00-00-ping')
  expect(second && basename(second.path)).toBe('2026-11-25T12-00-00-ping-2')
  expect(readlinkSync(join(parent, 'latest'))).toBe('2026-11-25T12-00-00-ping-2')
  expect(readResults(first?.path ?? '').results.experiments[0]?.name).toBe('first')
  expect(readResults(join(parent, 'latest')).results.experiments[0]?.name).toBe('second')
})

test('a result of an earlier version, with its generator, fit and names of layers, is rendered again', () => {
  using temporary = mkdtempDisposableSync(join(tmpdir(), 'insertlab-earlier-'))
  const folder = temporary.path
  const paced = sample({ load: { generator: 'autocannon', mode: 'paced', ratePerS: 100, durationS: 3 } })
  const earlier = resultsOf({
    samples: [{ ...paced, profile: { agreement: null, files: [], by: 'packages' } } as typeof paced],
    scaling: [
      {
        ...{ variant: 'batched', connections: [1, 2], knee: null, notes: [] },
        fits: [{ model: 'batch-demand', resource: 'api' } as { model: 'batch-demand' }],
      },
    ],
  })
  writeFileSync(join(folder, 'results.json'), JSON.stringify(earlier))
  expect(renderAgain(folder)).toContain('report.html')
})

test('a run goes on in the folder of the one that was interrupted, with its start, until it is complete', () => {
  using temporary = mkdtempDisposableSync(join(tmpdir(), 'insertlab-folders-'))
  const parent = temporary.path
  const startedAt = new Date('2026-11-25T12:00:00.000Z')
  const interrupted = createResultsFolder(parent, 'peers', startedAt)
  interrupted.save({ ...resultsOf({ name: 'peers' }), complete: false, startedAt: startedAt.toISOString() })
  const resumed = resumeResultsFolder(join(parent, 'latest'))
  expect(resumed.startedAt).toEqual(startedAt)
  resumed.folder.save(resultsOf({ name: 'peers', answer: 'the rest' }))
  expect(readResults(interrupted.path).results.experiments[0]?.answer).toBe('the rest')
  expect(() => resumeResultsFolder(interrupted.path)).toThrow('is complete')
})
