import { scalingOf } from '../../../src/lab/analysis/scaling.ts'
import type { ExperimentResult, Figure, Manifest, Results, Sample } from '../../../src/lab/results.ts'

/**
 * MADE-UP results, written by hand for the report's tests only. Nothing here was measured; the sizes are
 * merely plausible, so that the rendered page can be looked at.
 */
export function figure(median: number, low: number, high: number, repeats = 5): Figure {
  return { median, low, high, repeats }
}

/** Three repeats, each known. */
export function repeated(median: number, low: number, high: number): Figure {
  return { median, low, high, repeats: 3, values: [low, median, high] }
}

const nothing = figure(0, 0, 0)

export const madeUpManifest: Manifest = {
  insertlab: '0.1.0',
  commit: '0000000made-up',
  node: 'v26.10.0',
  postgres: '18.4',
  generator: 'undici 7.30.2',
  platform: 'linux x64',
  kernel: '6.12.0-made-up',
  cpuModel: 'Made-up CPU @ 2.50GHz',
  cores: 2,
  memoryGiB: 7.75,
  sharedCores: true,
  cgroupQuotaCores: null,
  stealRatio: 0.004,
  warnings: ['Everything shares 2 cores: every throughput is a lower bound.'],
}

interface PingStep {
  connections: number
  perS: Figure
  p50: Figure
  p99: Figure
  apiThread: Figure
}

const pingSteps: readonly PingStep[] = [
  {
    connections: 1,
    perS: figure(14_320, 13_980, 14_610),
    p50: figure(0.066, 0.065, 0.068),
    p99: figure(0.121, 0.113, 0.14),
    apiThread: figure(0.31, 0.3, 0.32),
  },
  {
    connections: 2,
    perS: figure(25_900, 25_110, 26_400),
    p50: figure(0.074, 0.073, 0.076),
    p99: figure(0.162, 0.151, 0.19),
    apiThread: figure(0.49, 0.47, 0.5),
  },
  {
    connections: 4,
    perS: figure(41_200, 40_300, 42_050),
    p50: figure(0.093, 0.091, 0.096),
    p99: figure(0.24, 0.22, 0.29),
    apiThread: figure(0.7, 0.68, 0.71),
  },
  {
    connections: 8,
    perS: figure(58_700, 57_200, 59_900),
    p50: figure(0.131, 0.128, 0.135),
    p99: figure(0.41, 0.37, 0.52),
    apiThread: figure(0.86, 0.84, 0.88),
  },
  {
    connections: 16,
    perS: figure(71_300, 69_100, 72_800),
    p50: figure(0.216, 0.21, 0.224),
    p99: figure(0.72, 0.66, 0.91),
    apiThread: figure(0.95, 0.94, 0.96),
  },
  {
    connections: 32,
    perS: figure(80_100, 78_000, 81_700),
    p50: figure(0.388, 0.38, 0.4),
    p99: figure(1.31, 1.18, 1.6),
    apiThread: figure(0.99, 0.98, 0.99),
  },
  {
    connections: 64,
    perS: figure(84_900, 82_600, 86_300),
    p50: figure(0.741, 0.728, 0.76),
    p99: figure(2.2, 2.02, 2.71),
    apiThread: figure(1, 0.99, 1),
  },
  {
    connections: 128,
    perS: figure(84_100, 80_900, 86_000),
    p50: figure(1.5, 1.46, 1.55),
    p99: figure(4.1, 3.8, 5.3),
    apiThread: figure(1, 0.99, 1),
  },
]

/** Made up: a closed-loop sweep of connections on the ping route, one series. */
export const pingSweep: ExperimentResult = {
  name: 'ping',
  question: 'How many requests a second does one worker answer when it does nothing?',
  hypothesis: 'The API’s single thread saturates first; PostgreSQL takes no part.',
  finding: 'B1',
  repeat: 'npm run lab -- run ping --duration 5',
  answer:
    'At least 84 900 req/s (82 600–86 300, 5 repeats) at 64 connections; twice the connections bring no more, only twice the latency.',
  samples: pingSteps.map(
    (step): Sample => ({
      label: step.connections === 1 ? 'ping, 1 connection' : `ping, ${step.connections} connections`,
      knobs: { accessLog: false, telemetry: 'full', workers: 1 },
      load: { generator: 'undici', mode: 'closed', connections: step.connections, durationS: 5 },
      throughputPerS: step.perS,
      latencyMs: {
        p50: step.p50,
        p90: figure(step.p50.median * 1.6, step.p50.low * 1.6, step.p50.high * 1.65),
        p99: step.p99,
        max: figure(step.p99.median * 6, step.p99.low * 4, step.p99.high * 9),
      },
      cpuPerRequestUs: {
        api: figure(12.1, 11.8, 12.6),
        database: figure(0.02, 0.01, 0.05),
        generator: figure(11.4, 11.1, 11.9),
      },
      utilisation: {
        api: figure(step.apiThread.median * 1.02, step.apiThread.low, step.apiThread.high * 1.04),
        apiThread: step.apiThread,
        database: figure(0.002, 0.001, 0.004),
        generator: figure(step.apiThread.median * 0.93, step.apiThread.low * 0.9, step.apiThread.high * 0.97),
        host: figure(step.apiThread.median * 1.96, step.apiThread.low * 1.9, step.apiThread.high * 2),
      },
      errors: { ratio: nothing, dropped: nothing },
    }),
  ),
  verdict: {
    limit: 'api-cpu',
    accused: 'ping, 64 connections',
    confidence: 'high',
    sentence:
      'One worker answers at least 84 900 empty requests a second, and its own processor time is what stops it.',
    causes: [
      {
        limit: 'api-cpu',
        evidence: [
          'API event loop 100 % busy (99–100 %) from 64 connections on',
          'service demand 12.1 µs (11.8–12.6) predicts 82 600 req/s, 84 900 measured',
        ],
      },
      {
        limit: 'host-cpu',
        evidence: ['1.96 of 2 cores in use (1.90–2.00): API and generator together fill the host'],
      },
    ],
    ceiling: { predictedPerS: figure(82_600, 79_400, 84_700), measuredPerS: figure(84_900, 82_600, 86_300) },
    confirmed: {
      holds: true,
      effect: 'a second worker brought 1.00 → 1.04 times the throughput: the shared cores are full',
    },
    next: 'Move the load generator to a machine of its own, then add workers.',
  },
}

/** The same, with the law that fits it. */
export const pingScaling: ExperimentResult = withScaling(pingSweep)

interface InsertCase {
  strategy: string
  connections: number
  perS: Figure
  p50: Figure
  p99: Figure
  api: Figure
  database: Figure
  naive: Figure
}

const insertCases: readonly InsertCase[] = [
  {
    strategy: 'single',
    connections: 1,
    perS: figure(1_610, 1_540, 1_660),
    p50: figure(0.58, 0.57, 0.6),
    p99: figure(1.21, 1.1, 1.42),
    api: figure(128, 121, 139),
    database: figure(141, 137, 149),
    naive: figure(164, 156, 178),
  },
  {
    strategy: 'single',
    connections: 64,
    perS: figure(11_240, 11_090, 11_410),
    p50: figure(5.5, 5.4, 5.7),
    p99: figure(9.9, 9.1, 11.6),
    api: figure(54.2, 52.9, 55.8),
    database: figure(84.1, 82.6, 86),
    naive: figure(3_549, 3_410, 3_702),
  },
  {
    strategy: 'prepared',
    connections: 1,
    perS: figure(1_840, 1_790, 1_880),
    p50: figure(0.51, 0.5, 0.52),
    p99: figure(0.98, 0.92, 1.15),
    api: figure(114, 109, 122),
    database: figure(103, 99, 108),
    naive: figure(141, 133, 150),
  },
  {
    strategy: 'prepared',
    connections: 64,
    perS: figure(14_400, 14_050, 14_690),
    p50: figure(4.3, 4.2, 4.4),
    p99: figure(8.1, 7.4, 9.3),
    api: figure(49.1, 48.2, 50.6),
    database: figure(60.2, 58.9, 61.7),
    naive: figure(2_930, 2_814, 3_058),
  },
  {
    strategy: 'pipelined',
    connections: 1,
    perS: figure(1_820, 1_750, 1_870),
    p50: figure(0.52, 0.51, 0.53),
    p99: figure(1.02, 0.94, 1.2),
    api: figure(116, 110, 125),
    database: figure(102, 98, 107),
    naive: figure(143, 135, 155),
  },
  {
    strategy: 'pipelined',
    connections: 64,
    perS: figure(15_270, 14_910, 15_540),
    p50: figure(4.1, 4, 4.2),
    p99: figure(7.2, 6.8, 8),
    api: figure(43.3, 42.4, 44.9),
    database: figure(51.4, 50.2, 52.9),
    naive: figure(2_610, 2_498, 2_744),
  },
  {
    strategy: 'batched',
    connections: 1,
    perS: figure(1_790, 1_730, 1_840),
    p50: figure(0.53, 0.52, 0.55),
    p99: figure(1.08, 0.99, 1.31),
    api: figure(119, 112, 128),
    database: figure(105, 101, 111),
    naive: figure(147, 138, 159),
  },
  {
    strategy: 'batched',
    connections: 64,
    perS: figure(45_000, 43_800, 46_100),
    p50: figure(1.33, 1.3, 1.37),
    p99: figure(3.1, 2.8, 3.9),
    api: figure(18.6, 18.1, 19.3),
    database: figure(5.6, 5.3, 6),
    naive: figure(812, 776, 853),
  },
]

/** Made up: four strategies at 1 and 64 connections, the usual reading beside the ledger's. */
export const insertCost: ExperimentResult = {
  name: 'insert-cost',
  question: 'What does one insert cost, and is the usual way of reading it right?',
  hypothesis:
    'Under concurrency the usual reading charges a request for its neighbours; the true cost falls from statement to batch.',
  finding: 'A1',
  repeat: 'npm run lab -- run insert-cost --duration 5',
  answer:
    'At 64 connections an insert costs the API 18.6 µs (18.1–19.3) when batched and 54.2 µs (52.9–55.8) as a single statement; the usual reading says 812 and 3 549 µs.',
  samples: insertCases.map(
    (c): Sample => ({
      label: `${c.strategy}, ${c.connections} ${c.connections === 1 ? 'connection' : 'connections'}`,
      knobs: { strategy: c.strategy, poolSize: 20, telemetry: 'full', workers: 1 },
      load: { generator: 'undici', mode: 'closed', connections: c.connections, durationS: 5 },
      throughputPerS: c.perS,
      latencyMs: {
        p50: c.p50,
        p90: figure(c.p50.median * 1.35, c.p50.low * 1.33, c.p50.high * 1.4),
        p99: c.p99,
        max: figure(c.p99.median * 4, c.p99.low * 2.5, c.p99.high * 7),
      },
      cpuPerRequestUs: { api: c.api, database: c.database, generator: figure(15.1, 14.8, 15.6) },
      reportedCpuUs: {
        ledger: figure(c.api.median * 0.97, c.api.low * 0.97, c.api.high * 0.97),
        naive: c.naive,
      },
      utilisation: {
        api: figure(0.78, 0.75, 0.8),
        apiThread: figure(0.93, 0.91, 0.95),
        database: figure(0.86, 0.82, 0.9),
        generator: figure(0.22, 0.21, 0.24),
        host: figure(1.93, 1.88, 1.97),
      },
      errors: { ratio: figure(0, 0, 0.0004), dropped: nothing },
    }),
  ),
  verdict: {
    limit: 'api-cpu',
    confidence: 'medium',
    sentence:
      'The processor time of the API limits inserts; sending rows in batches makes each one three times cheaper.',
    causes: [
      {
        limit: 'api-cpu',
        evidence: [
          'API event loop 93 % busy (91–95 %) with “batched, 64 connections”',
          'API CPU per insert 54.2 µs (52.9–55.8) as single statements, 18.6 µs (18.1–19.3) batched',
        ],
      },
      { limit: 'host-cpu', evidence: ['1.93 of 2 cores in use (1.88–1.97)'] },
      {
        limit: 'database-cpu',
        evidence: ['PostgreSQL 0.86 cores (0.82–0.90) with “prepared, 64 connections”'],
      },
    ],
    ceiling: { predictedPerS: figure(50_900, 49_000, 52_600), measuredPerS: figure(45_000, 43_800, 46_100) },
    confirmed: null,
    next: 'Use the batched strategy; then add a second worker on a core of its own.',
  },
}

interface TelemetryCase {
  telemetry: string
  perS: Figure
  api: Figure
  layersUs: Record<string, Figure>
}

const telemetryCases: readonly TelemetryCase[] = [
  {
    telemetry: 'off',
    perS: figure(14_760, 14_410, 15_020, 3),
    api: figure(47.2, 46.4, 48.3, 3),
    layersUs: {
      'node:http': figure(13.9, 13.4, 14.6, 3),
      pg: figure(15.8, 15.2, 16.4, 3),
      fastify: figure(6.1, 5.8, 6.6, 3),
      gc: figure(3.2, 2.7, 4.1, 3),
      ours: figure(4, 3.8, 4.3, 3),
      rest: figure(4.2, 3.9, 4.6, 3),
    },
  },
  {
    telemetry: 'full',
    perS: figure(14_020, 13_600, 14_300, 3),
    api: figure(51.3, 50.2, 52.9, 3),
    layersUs: {
      'node:http': figure(14.1, 13.5, 14.8, 3),
      pg: figure(15.9, 15.3, 16.6, 3),
      fastify: figure(6.2, 5.8, 6.7, 3),
      telemetry: figure(3.6, 3.2, 4.1, 3),
      gc: figure(3.4, 2.9, 4.4, 3),
      ours: figure(4, 3.7, 4.3, 3),
      rest: figure(4.1, 3.8, 4.6, 3),
    },
  },
]

/** Made up: two telemetry settings with a profile by layer, on cores of its own. */
export const observabilityPrice: ExperimentResult = {
  name: 'observability-price',
  question: 'What does watching a prepared insert cost?',
  hypothesis: 'Full telemetry costs at most a tenth of the API’s CPU per insert.',
  finding: null,
  repeat: 'npm run lab -- run observability-price --duration 10',
  answer: 'Full telemetry adds 4.1 µs of API CPU to an insert of 47.2 µs (46.4–48.3): about 9 %.',
  samples: telemetryCases.map(
    (c): Sample => ({
      label: `telemetry ${c.telemetry}`,
      knobs: { strategy: 'prepared', telemetry: c.telemetry, poolSize: 20 },
      load: { generator: 'k6', mode: 'open', ratePerS: 8_000, connections: 64, durationS: 10 },
      throughputPerS: c.perS,
      latencyMs: {
        p50: figure(4.3, 4.2, 4.4, 3),
        p90: figure(5.9, 5.7, 6.1, 3),
        p99: figure(8.2, 7.6, 9.5, 3),
        max: figure(31, 22, 48, 3),
      },
      cpuPerRequestUs: {
        api: repeated(c.api.median, c.api.low, c.api.high),
        database: figure(60.4, 59.1, 61.8, 3),
        generator: figure(49.2, 48.1, 50.8, 3),
      },
      utilisation: {
        api: figure(0.7, 0.68, 0.71, 3),
        apiThread: figure(0.91, 0.9, 0.93, 3),
        database: figure(0.88, 0.85, 0.91, 3),
        generator: figure(0.71, 0.69, 0.74, 3),
        host: figure(2.31, 2.24, 2.4, 3),
      },
      errors: { ratio: figure(0, 0, 0, 3), dropped: figure(12, 0, 41, 3) },
      layersUs: c.layersUs,
      besideUs: repeated(47.1, 46.2, 48),
    }),
  ),
  verdict: {
    limit: 'none-observed',
    confidence: 'medium',
    sentence: 'Watching every insert costs less than a tenth of its processor time.',
    causes: [],
    ceiling: null,
    confirmed: {
      holds: true,
      effect: 'telemetry off → full moved API CPU per insert by +4.1 µs (+2.7 to +5.6)',
    },
    next: 'Leave full telemetry on.',
  },
}

/** Made up: the generator was the limit, so the diagnosis knows nothing; its CPU could not be read. */
export const inconclusive: ExperimentResult = {
  name: 'connections',
  question: 'What does a connection per request cost?',
  hypothesis: 'Opening a connection dominates; the server refuses past max_connections.',
  finding: 'B2',
  repeat: 'npm run lab -- run connections --url http://127.0.0.1:8000',
  answer:
    'No answer: the two settings differ by less than their repeats do, and the database could not be seen.',
  samples: (['pool', 'per-request'] as const).map(
    (connectionMode): Sample => ({
      label: connectionMode === 'pool' ? 'pool of 20' : 'a connection per request',
      knobs: { connectionMode },
      load: { generator: 'k6', mode: 'closed', connections: 50, durationS: 3 },
      throughputPerS: connectionMode === 'pool' ? figure(902, 610, 1_180, 3) : figure(851, 590, 1_020, 3),
      latencyMs: {
        p50: figure(52, 40, 78, 3),
        p90: figure(88, 60, 130, 3),
        p99: figure(210, 120, 420, 3),
        max: figure(900, 510, 1_700, 3),
      },
      cpuPerRequestUs: { api: null, database: null, generator: figure(61, 55, 80, 3) },
      utilisation: {
        api: null,
        apiThread: null,
        database: null,
        generator: figure(0.97, 0.94, 0.99, 3),
        host: null,
      },
      errors: { ratio: figure(0.012, 0, 0.05, 3), dropped: figure(340, 120, 800, 3) },
    }),
  ),
  verdict: {
    limit: 'inconclusive',
    confidence: 'low',
    sentence:
      'This run cannot say what a connection per request costs: the target showed too little of itself.',
    causes: [
      {
        limit: 'load-generator',
        evidence: ['340 requests (120–800) were never sent', 'generator 0.97 cores (0.94–0.99)'],
      },
    ],
    ceiling: null,
    confirmed: null,
    next: 'Run the lab on the target’s own machine, or give it the target’s /metrics address, and repeat 5 times.',
  },
}

export const completeRun: Results = {
  schema: 1,
  startedAt: '2026-11-23T06:40:00.000Z',
  complete: true,
  manifest: madeUpManifest,
  experiments: [insertCost, pingSweep, observabilityPrice],
}

/** Made up: interrupted in its second experiment, on a foreign target that shows no CPU. */
export const partialRun: Results = {
  ...completeRun,
  complete: false,
  manifest: {
    ...madeUpManifest,
    commit: null,
    sharedCores: false,
    stealRatio: null,
    cgroupQuotaCores: 0.5,
    warnings: [
      'The container was throttled in 31 % of its periods: its quota of 0.5 cores is part of every figure.',
    ],
  },
  experiments: [
    inconclusive,
    {
      ...insertCost,
      samples: [],
      verdict: { ...inconclusive.verdict, sentence: 'Not finished: nothing was measured.' },
    },
  ],
}

/** Made up: a numeric knob swept under two strategies, so that lines need their labels. */
export const rowsPerRequest: ExperimentResult = {
  ...insertCost,
  name: 'rows-per-request',
  question: 'How does throughput fall with the rows of a request?',
  finding: 'A2',
  samples: ['prepared', 'batched'].flatMap(strategy =>
    [1, 10, 100, 1_000].flatMap((rows): Sample[] => {
      const [base] = insertCost.samples
      const perS =
        (strategy === 'prepared' ? 14_400 : 38_000) / rows ** (strategy === 'prepared' ? 0.9 : 0.55)
      return base === undefined
        ? []
        : [
            {
              ...base,
              label: `${strategy}, ${rows} rows`,
              knobs: { ...base.knobs, strategy, rows },
              throughputPerS: figure(perS, perS * 0.94, perS * 1.05),
            },
          ]
    }),
  ),
}

/** Made up: rows that share batches, so that a row's price falls as more of them come together. */
export const batchSweep: ExperimentResult = withScaling({
  ...insertCost,
  name: 'strategies',
  question: 'How does a batch make a row cheaper?',
  samples: [1, 2, 4, 8, 16, 32, 64].flatMap((connections): Sample[] => {
    const base = insertCost.samples.at(-1)
    const rows = 1 + 0.45 * (connections - 1)
    const costing = (perRow: number, perBatch: number) => {
      const us = perRow + perBatch / rows
      return figure(us, us * 0.96, us * 1.05)
    }
    if (base === undefined) return []
    return [
      {
        ...base,
        label: connections === 1 ? 'batched, 1 connection' : `batched, ${connections} connections`,
        load: { ...base.load, connections },
        throughputPerS: figure(
          45_000 / (1 + 24 / connections),
          42_000 / (1 + 24 / connections),
          46_000 / (1 + 24 / connections),
        ),
        rowsPerBatch: figure(rows, rows * 0.97, rows * 1.02),
        cpuPerRequestUs: { ...base.cpuPerRequestUs, api: costing(16, 100), database: costing(3, 98) },
      },
    ]
  }),
})

function withScaling(experiment: ExperimentResult): ExperimentResult {
  return { ...experiment, scaling: scalingOf(experiment.samples) }
}

/** Made up: PostgreSQL waits for locks while the pool is empty, with all that the probes can read. */
export const locked: ExperimentResult = {
  ...insertCost,
  name: 'locks',
  samples: insertCost.samples.slice(3, 4).map(sample => ({
    ...sample,
    failures: { '503': figure(0.02, 0.01, 0.03) },
    whereabouts: {
      service: figure(64, 63, 64),
      poolQueue: figure(43, 41, 44),
      database: figure(20, 19, 20),
      batchQueue: null,
    },
    pool: {
      max: figure(20, 20, 20),
      used: figure(19.8, 19.6, 20),
      waitMs: figure(31.2, 29, 34.1),
      useMs: figure(15, 14, 16),
      timeouts: figure(3, 0, 9),
    },
    postgres: {
      sessions: {
        'Lock:transactionid': figure(17.2, 16.4, 18),
        cpu: figure(0.9, 0.8, 1),
        idle: figure(1, 0, 2),
      },
      peakSessions: figure(21, 21, 21),
      maxConnections: figure(100, 100, 100),
      blockers: { 'idle in transaction': figure(16, 15, 17) },
      statements: [
        {
          text: 'UPDATE counters SET n = n + $1 WHERE id = $2',
          callsPerRequest: figure(1, 1, 1),
          executionUsPerRequest: figure(14_100, 13_600, 14_800),
        },
      ],
      walBytesPerRequest: figure(310, 300, 320),
      walFlush: { perS: figure(900, 870, 910), ms: figure(0.41, 0.4, 0.43), share: figure(0.37, 0.35, 0.38) },
      checkpoints: figure(0, 0, 0),
      probeCores: figure(0.004, 0.003, 0.005),
    },
    runtime: {
      residentMiB: figure(121, 118, 124),
      heapShare: figure(0.31, 0.28, 0.4),
      gcShare: figure(0.02, 0.01, 0.02),
    },
    pressure: { cpu: figure(0.21, 0.2, 0.3), io: figure(0, 0, 0), memory: figure(0, 0, 0) },
    doubts: ['throughput fell by 12 % (8–15 %) within the window: it was not steady'],
  })),
  verdict: {
    ...insertCost.verdict,
    limit: 'database-locks',
    confirmed: {
      holds: true,
      effect: 'one row a client brought 6.1 times the throughput',
      turned: 'HOT_ROWS 1 → 64',
      beforePerS: figure(1_300, 1_240, 1_350),
      afterPerS: figure(7_930, 7_700, 8_050),
    },
  },
  reproduction: [
    {
      finding: 'B2',
      compared: 'a connection a request | a pool',
      reported: '200 | 900 req/s',
      ours: '310 (290–330) | 4,020 (3,750–4,200) req/s',
      ratio: { reported: 4.5, ours: figure(13, 11.4, 14.5) },
      reproduced: true,
      because: 'opening a connection dominates, as reported',
    },
    {
      finding: 'A1',
      compared: 'the usual reading at 1 | 64 connections',
      reported: '1-2 ms',
      ours: '0.41 | 7.1 ms',
      ratio: { reported: null, ours: null },
      reproduced: false,
      because: 'one of the two was not measured',
    },
  ],
}
