import type { ExperimentResult, Manifest, Results } from '../../../src/lab/results.ts'

export const manifest: Manifest = {
  insertlab: '0.1.0',
  commit: 'abc',
  node: 'v24.0.0',
  postgres: '18.4',
  generator: 'undici 7.30.2',
  platform: 'linux x64',
  kernel: '6.1',
  cpuModel: 'A CPU',
  cores: 2,
  memoryGiB: 8,
  sharedCores: true,
  cgroupQuotaCores: null,
  stealRatio: 0,
  warnings: [],
}

/** A complete result of one experiment without a diagnosis. */
export function resultsOf(...experiments: Partial<ExperimentResult>[]): Results {
  return {
    schema: 1,
    startedAt: '2026-11-25T12:00:00.000Z',
    complete: true,
    manifest,
    experiments: experiments.map(experiment => ({
      name: 'ping',
      question: 'Q?',
      hypothesis: 'H.',
      finding: null,
      repeat: 'again',
      answer: 'A.',
      samples: [],
      verdict: {
        limit: 'none-observed',
        confidence: 'low',
        sentence: 'S.',
        causes: [],
        ceiling: null,
        confirmed: null,
        next: 'N.',
      },
      ...experiment,
    })),
  }
}
