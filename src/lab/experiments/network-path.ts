import { ratio } from '../analysis/figures.ts'
import { spread } from '../analysis/wording.ts'
import type { Reproduction, Sample } from '../results.ts'
import { byThroughput, type Conclusion, closed, type Experiment, find, type Step } from './experiment.ts'
import { reproduction } from './reproduction.ts'

const connections = 64

const paths = {
  native: { program: 'bare-fastify', service: { DATABASE_URL: '' } },
  'container, host network': { program: 'bare-fastify in a container, host network' },
  'container, published port': { program: 'bare-fastify in a container' },
} as const satisfies Record<string, Pick<Step, 'program' | 'service'>>
type Path = keyof typeof paths

/** Finding B1: the ping of 3,100 requests/s in a container was one of 4,700 without. */
export const networkPath: Experiment = {
  name: 'network-path',
  question: 'Does a container make my service slower: by its isolation, or by its published port?',
  hypothesis:
    'The isolation costs nothing that can be measured. The published port costs a large part of a ping: each packet goes ' +
    'through a bridge and is rewritten, or is copied by a proxy process, on the same cores.',
  finding: 'B1',
  varies:
    'how the same server is reached: natively, in a container of the host’s network, behind a published port',
  holds: `a ping of a bare Fastify, ${connections} connections, the same Node`,
  timing: { processWarmupS: 3, warmupS: 1, durationS: 4, repeats: 3 },
  steps: pathNames().map(step),
  conclude,
  reproduce,
}

function pathNames(): Path[] {
  return Object.keys(paths).filter((name): name is Path => name in paths)
}

function step(path: Path): Step {
  return {
    variant: path,
    knobs: { path },
    ...paths[path],
    load: closed(connections),
    requests: [{ path: '/ping/' }],
  }
}

const of = (samples: readonly Sample[], path: Path) => find(samples, step(path))

function conclude(samples: readonly Sample[]): Conclusion {
  const native = of(samples, 'native')
  const answers = pathNames().flatMap(path => {
    const sample = of(samples, path)
    if (sample === undefined) return []
    const rate = spread(sample.throughputPerS, 'requests/s')
    if (native === undefined || path === 'native') return [`${path}: ${rate}.`]
    return [
      `${path}: ${rate}, ${spread(ratio(sample.throughputPerS, native.throughputPerS), 'times')} native.`,
    ]
  })
  return { answer: answers.join(' ') || 'Nothing was measured.', diagnosed: byThroughput(samples)[0] ?? null }
}

function reproduce(samples: readonly Sample[]): Reproduction[] {
  return [
    reproduction({
      finding: 'B1',
      compared: 'ping in a container → natively',
      unit: 'requests/s',
      reported: [3_100, 4_700],
      reportedText: '3,100 → 4,700 requests/s',
      ours: [of(samples, 'container, published port')?.throughputPerS, of(samples, 'native')?.throughputPerS],
      explanation: 'the report’s engine may have run in a virtual machine, as on every Mac',
    }),
  ]
}
