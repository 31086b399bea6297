import { type Static, type TSchema, Type } from 'typebox'

/**
 * The shape of `results.json`: what a run of the lab leaves behind, and all that the report, `compare`
 * and `plan` read. The schema is the documentation; `schemaVersion` grows when a reader would break.
 *
 * The words of the lab, one meaning each:
 * - experiment: one question, and the steps that answer it. Step: one combination of settings under one load.
 * - repeat: one measurement of a step. Round: one repeat of an experiment, in which each of its steps is measured once.
 *   Sample: all repeats of a step.
 * - figure: the median of the repeats, with the lowest and highest.
 * - control: another service that does the same work, for comparison. Pair: a window of a service and the next or
 *   previous one of its control.
 * - diagnosis: what the lab says about the limit of a sample. Suspected limit: the resource that it names. Intervention:
 *   one setting changed to test the suspected limit.
 * - location: where in the service requests are at a moment.
 * - unavailable: what a step needs and this machine does not have.
 * - finding: a statement of a source report. Reproduction: the same comparison made here.
 *
 * Some fields keep an older name, because `lab report` must read older results: `verdict` is the diagnosis, `accused`
 * the label of its sample, `turned` the changed setting, `whereabouts` the locations, `beside…` the control's figures,
 * `knobs` the settings.
 */
export const schemaVersion = 1

/** A figure is never a single number: it has the median of its repeats, the lowest and the highest. */
export const Figure = Type.Object({
  median: Type.Number(),
  low: Type.Number(),
  high: Type.Number(),
  repeats: Type.Integer({ minimum: 1 }),
  /** Every repeat, in the order in which they were run: figures of one sample pair up by it. A figure that was
   *  computed from others has none. */
  values: Type.Optional(Type.Array(Type.Number())),
})
export type Figure = Static<typeof Figure>

function Nullable<Schema extends TSchema>(schema: Schema) {
  return Type.Union([schema, Type.Null()])
}

/** null: it could not be measured here (no /proc, foreign target, telemetry off). Never zero instead. */
const MaybeFigure = Nullable(Figure)

/** Of the service, of PostgreSQL and of the load generator. */
const ByProcess = Type.Object({ api: MaybeFigure, database: MaybeFigure, generator: MaybeFigure })

export const Knobs = Type.Record(Type.String(), Type.Union([Type.String(), Type.Number(), Type.Boolean()]))
export type Knobs = Static<typeof Knobs>

export const Load = Type.Object({
  /** autocannon, and the mode `paced`, are of results before December 2026. */
  generator: Type.Enum(['k6', 'undici', 'wrk', 'autocannon']),
  /** closed: `connections` clients, each waits for its answer; open: arrivals at a rate, whatever the
   *  answers do; paced: a closed loop held to a rate. */
  mode: Type.Enum(['closed', 'open', 'paced']),
  connections: Type.Optional(Type.Integer({ minimum: 1 })),
  /** Of an open loop: requests that may be on their way at once; past it an arrival is dropped. */
  maxConnections: Type.Optional(Type.Integer({ minimum: 1 })),
  ratePerS: Type.Optional(Type.Number({ exclusiveMinimum: 0 })),
  durationS: Type.Number({ exclusiveMinimum: 0 }),
})
export type Load = Static<typeof Load>

/**
 * Locations of the requests. By Little's law, the time that requests spend at a location, over the length of the
 * window, is the number of requests there at any moment.
 */
export const Locations = Type.Object({
  /** Arrived at the service and not answered. */
  service: MaybeFigure,
  /** Of those: waiting for a database connection. */
  poolQueue: MaybeFigure,
  /** Of those: with a statement on its way. A statement that carries a batch counts every request in it. */
  database: MaybeFigure,
  /** Of those: waiting for the next batch. */
  batchQueue: MaybeFigure,
})

/** The service's own pool of database connections, all workers together. */
export const Pool = Type.Object({
  max: MaybeFigure,
  /** Lent to a request or batch, on average. */
  used: MaybeFigure,
  /** Mean wait for a connection and mean time it was kept, ms. */
  waitMs: MaybeFigure,
  useMs: MaybeFigure,
  /** Requests that gave up waiting, in the window. */
  timeouts: MaybeFigure,
})

/** What PostgreSQL's own statistics say of the window. */
export const Postgres = Type.Object({
  /**
   * Sessions of this database at any moment, by what they did, sampled from pg_stat_activity: `cpu` (active
   * and waiting for nothing that PostgreSQL knows), a wait event (`Lock:transactionid`, `IO:WalSync`) of an
   * active one, `idle`, `idle in transaction`.
   */
  sessions: Type.Record(Type.String(), Figure),
  /** Client sessions of the whole server at their most, and how many it takes. */
  peakSessions: MaybeFigure,
  maxConnections: MaybeFigure,
  /** Sessions that waited for a lock, by what the session at the head of their queue did. */
  blockers: Type.Record(Type.String(), Figure),
  /** The statements that took most time, from pg_stat_statements. */
  statements: Type.Array(
    Type.Object({ text: Type.String(), callsPerRequest: Figure, executionUsPerRequest: Figure }),
  ),
  walBytesPerRequest: MaybeFigure,
  /** Writing and flushing WAL: flushes a second, the mean one in ms, and the share of the window it took. */
  walFlush: Type.Object({ perS: MaybeFigure, ms: MaybeFigure, share: MaybeFigure }),
  /** Checkpoints that ended in the window. */
  checkpoints: MaybeFigure,
  /** Cores that reading all this took, part of `utilisation.database`. */
  probeCores: MaybeFigure,
})

export type Postgres = Static<typeof Postgres>

/** Memory and garbage collection of the service; with several workers the worst of them. */
export const Runtime = Type.Object({
  residentMiB: MaybeFigure,
  heapShare: MaybeFigure,
  /** Share of the window in which the garbage collector stopped the thread. */
  gcShare: MaybeFigure,
  /** Mean length of such a stop. */
  gcPauseMs: Type.Optional(MaybeFigure),
})

/** Shares of the window, 0..1, in which at least one process waited for it (Linux's PSI, `some`). */
export const Pressure = Type.Object({ cpu: MaybeFigure, io: MaybeFigure, memory: MaybeFigure })

/**
 * Rows that the service answered for and rows of the table, over all repeats. A load generator stops while requests are on
 * their way, so the table may have more rows than were answered for in its window. Then some requests are sent and all
 * answers awaited, after which the numbers must be equal.
 */
export const RowAudit = Type.Object({
  /** Answered for in the measured windows, and in the table afterwards; the table has those of the warm-up too. */
  windowRows: Type.Integer(),
  windowFound: Type.Integer(),
  /** Answered for with nothing else on its way, and by how much the table grew. */
  exactRows: Type.Integer(),
  exactFound: Type.Integer(),
  /** Ids in those answers, and how many of them are ids of rows. A bulk statement may give no ids. */
  ids: Type.Integer(),
  idsFound: Type.Integer(),
})
export type RowAudit = Static<typeof RowAudit>

export const Sample = Type.Object({
  /** Names the row in tables and the mark in plots, for example `prepared, 64 connections`. */
  label: Type.String(),
  knobs: Knobs,
  load: Load,
  throughputPerS: Figure,
  latencyMs: Type.Object({
    p50: Figure,
    p90: Figure,
    p95: Type.Optional(Figure),
    p99: Figure,
    max: Figure,
    mean: Type.Optional(Figure),
  }),
  /** From outside: CPU of each process tree over answered requests. */
  cpuPerRequestUs: ByProcess,
  /** Of the control, another service that got the same load in the windows next to these: API CPU per request,
   *  requests answered a second, and p99. Value i belongs to the same pair of windows as value i of the sample.
   *  Older results use these names too, so they stay. */
  besideUs: Type.Optional(MaybeFigure),
  besidePerS: Type.Optional(MaybeFigure),
  besideP99Ms: Type.Optional(MaybeFigure),
  /** From inside: what the service's ledger charged one request (final figures, all requests of the window),
   *  and what the usual reading (`process.cpuUsage()` at start and end of a request) would have said. */
  reportedCpuUs: Type.Optional(Type.Object({ ledger: MaybeFigure, naive: MaybeFigure })),
  /** Cores in use: 1.0 is one core fully busy. `apiThread` is event-loop utilisation, 0..1. */
  utilisation: Type.Object({
    api: MaybeFigure,
    apiThread: MaybeFigure,
    /** Of the main thread that wanted a core most, seen from outside: share of the window in which it had one,
     *  and in which it stood in line for one. A thread that is busy and neither is blocked by something else. */
    apiThreadRan: Type.Optional(MaybeFigure),
    apiThreadQueued: Type.Optional(MaybeFigure),
    database: MaybeFigure,
    /** PostgreSQL's processes that stood in line for a core, on average. */
    databaseQueued: Type.Optional(MaybeFigure),
    generator: MaybeFigure,
    host: MaybeFigure,
  }),
  /** Share of requests not answered 2xx, 0..1, and requests the generator could not send at all. */
  errors: Type.Object({ ratio: Figure, dropped: Figure }),
  /** Share of requests by how they failed: the status, or `no answer`. */
  failures: Type.Optional(Type.Record(Type.String(), Figure)),
  /** Share of requests that the service refused at once, by the limit that refused them. */
  refusals: Type.Optional(Type.Record(Type.String(), Figure)),
  /** Share of the window in which the generator's process did not get to run although it wanted to. */
  generatorStalled: Type.Optional(MaybeFigure),
  whereabouts: Type.Optional(Locations),
  pool: Type.Optional(Pool),
  postgres: Type.Optional(Postgres),
  runtime: Type.Optional(Runtime),
  pressure: Type.Optional(Pressure),
  /** Shares of the window, 0..1, in which the quota of the process's own cgroup kept it from running. */
  throttled: Type.Optional(ByProcess),
  /** What the service ran on, where it is a peer that says so: language and packages with their versions. */
  versions: Type.Optional(Type.String()),
  /** Whether what was answered is in the table, all repeats together. */
  audit: Type.Optional(RowAudit),
  /** Where requests failed: the newest line in which PostgreSQL or the service said why. */
  complaint: Type.Optional(Type.String()),
  /** The whole ledger, us a request: `request`, what requests were charged, and by name each bucket of what
   *  belongs to none. In every repeat the sum is the process's CPU over the requests finished. */
  ledgerUs: Type.Optional(Type.Record(Type.String(), Figure)),
  /** By method and route, such as `GET /items/:id`, the most CPU first: what the ledger charged each of its requests, us,
   *  and how many of the requests of the window were its own, 0..1. */
  routes: Type.Optional(Type.Array(Type.Object({ route: Type.String(), cpuUs: Figure, share: Figure }))),
  /** CPU per request by layer, us, from a sampled profile: by installed package, module of Node, and folder of the service's
   *  own code; the kernel, the garbage collector and helper threads apart. In every repeat the sum is that repeat's
   *  `cpuPerRequestUs.api`; the sum of the medians may differ from its median a little. */
  layersUs: Type.Optional(Type.Record(Type.String(), Figure)),
  /** Of the profiles behind `layersUs`, each taken in a window of its own after the measured one. */
  profile: Type.Optional(
    Type.Object({
      /** CPU that the profile saw in functions over the main thread's CPU in the same window, unscaled. */
      agreement: MaybeFigure,
      /** The raw profiles, in the folder of `results.json`. */
      files: Type.Array(Type.String()),
    }),
  ),
  /** Mean rows that shared an insert statement, by the service's own count. */
  rowsPerBatch: Type.Optional(MaybeFigure),
  /** Whether every repeat held its rate from beginning to end; null: too short to tell. */
  steady: Type.Optional(Nullable(Type.Boolean())),
  /** What speaks against the sample itself, each with its figures. */
  doubts: Type.Optional(Type.Array(Type.String())),
})
export type Sample = Static<typeof Sample>

export const limits = [
  'api-cpu',
  'connection-pool',
  'database-cpu',
  'database-io',
  'database-locks',
  'database-connections',
  'load-generator',
  'external-wait',
  'memory',
  'host-cpu',
  'environment',
  'none-observed',
  'inconclusive',
] as const
export const Limit = Type.Enum([...limits])
export type Limit = Static<typeof Limit>

export const Diagnosis = Type.Object({
  limit: Limit,
  /** Label of the sample being diagnosed. */
  accused: Type.Optional(Type.String()),
  /** high: two independent signs agree; medium: one clear sign; low: the best of weak ones. */
  confidence: Type.Enum(['high', 'medium', 'low']),
  /** Short, and clear without knowledge of the lab. */
  sentence: Type.String(),
  /** What makes the sentence less certain. */
  caution: Type.Optional(Type.String()),
  /** Ranked, the suspected limit first; each evidence is one checkable statement with its figure. */
  causes: Type.Array(Type.Object({ limit: Limit, evidence: Type.Array(Type.String()) })),
  ceiling: Nullable(Type.Object({ predictedPerS: Figure, measuredPerS: Figure })),
  /** What a change of the suspected limit's setting did; null where nothing was changed. */
  confirmed: Nullable(
    Type.Object({
      holds: Type.Boolean(),
      effect: Type.String(),
      /** The setting with its two values, such as `WORKERS 1 → 2`, and the rates with both. */
      turned: Type.Optional(Type.String()),
      beforePerS: Type.Optional(Figure),
      afterPerS: Type.Optional(Figure),
    }),
  ),
  /** What to change next, in the reader's terms. */
  next: Type.String(),
})
export type Diagnosis = Static<typeof Diagnosis>

/** What a fit says of one of its parameters, with the 95 % bootstrap interval over the repeats. */
export const Estimate = Type.Object({ value: Type.Number(), low: Type.Number(), high: Type.Number() })
export type Estimate = Static<typeof Estimate>

/** Universal Scalability Law, X(n) = λn / (1 + σ(n − 1) + κn(n − 1)); see `analysis/usl.ts`. */
export const UslFit = Type.Object({
  model: Type.Literal('usl'),
  lambdaPerS: Estimate,
  sigma: Estimate,
  kappa: Estimate,
  /** Where throughput is highest; null where it only ever rises. `measured` is false where that is beyond the
   *  largest concurrency of the sweep, so that nothing but the law says so. */
  peak: Nullable(Type.Object({ connections: Estimate, throughputPerS: Estimate, measured: Type.Boolean() })),
  /** The largest relative error of the fit at a measured point. */
  worstError: Type.Number(),
})
export type UslFit = Static<typeof UslFit>

/** Results before December 2026 have this fit too, of batches. It is not read. */
const BatchDemandFit = Type.Object({ model: Type.Literal('batch-demand') })

/** How one variant behaved over a closed sweep of at least six concurrencies. */
export const Scaling = Type.Object({
  variant: Type.String(),
  connections: Type.Array(Type.Integer({ minimum: 1 })),
  fits: Type.Array(Type.Union([UslFit, BatchDemandFit])),
  /** Where two methods agree that more clients only wait: between `low` and `high` connections. */
  knee: Nullable(Type.Object({ connections: Type.Number(), low: Type.Number(), high: Type.Number() })),
  /** Why there is no fit or no knee, and what to mind about those that there are. */
  notes: Type.Array(Type.String()),
})
export type Scaling = Static<typeof Scaling>

/** One comparison of a source report, and the same comparison made here. */
export const Reproduction = Type.Object({
  /** `A1` … `C2`. */
  finding: Type.String(),
  /** The two settings or readings that are compared. */
  compared: Type.String(),
  /** The report's figures, and ours with their spread. */
  reported: Type.String(),
  ours: Type.String(),
  /** The second over the first; null where the report gives no two figures, or we could not measure them. */
  ratio: Type.Object({ reported: Nullable(Type.Number()), ours: MaybeFigure }),
  reproduced: Type.Boolean(),
  /** What shows it, or why it is not reproduced. */
  because: Type.String(),
})
export type Reproduction = Static<typeof Reproduction>

export const ExperimentResult = Type.Object({
  name: Type.String(),
  question: Type.String(),
  hypothesis: Type.String(),
  /** The source report's finding that this reproduces (`A1` … `C2`), if any. */
  finding: Nullable(Type.String()),
  /** The command that repeats it. */
  repeat: Type.String(),
  /** The question, answered in one or two sentences with figures and spread. */
  answer: Type.String(),
  samples: Type.Array(Sample),
  verdict: Diagnosis,
  scaling: Type.Optional(Type.Array(Scaling)),
  /** The comparisons of the source reports that this experiment makes. */
  reproduction: Type.Optional(Type.Array(Reproduction)),
})
export type ExperimentResult = Static<typeof ExperimentResult>

export const Manifest = Type.Object({
  insertlab: Type.String(),
  commit: Nullable(Type.String()),
  node: Type.String(),
  postgres: Type.String(),
  generator: Type.String(),
  platform: Type.String(),
  kernel: Type.String(),
  cpuModel: Type.String(),
  cores: Type.Integer(),
  memoryGiB: Type.Number(),
  /** API, PostgreSQL and generator on the same cores: every throughput is then a lower bound. */
  sharedCores: Type.Boolean(),
  cgroupQuotaCores: Nullable(Type.Number()),
  /** Share of CPU time the hypervisor took during the run, 0..1; null where the kernel does not say. */
  stealRatio: Nullable(Type.Number()),
  /** CPU that a fixed piece of work took between the loads, us: how fast the machine was. */
  fixedWorkUs: Type.Optional(MaybeFigure),
  warnings: Type.Array(Type.String()),
})
export type Manifest = Static<typeof Manifest>

export const Results = Type.Object({
  schema: Type.Literal(schemaVersion),
  startedAt: Type.String(),
  /** false: the run was interrupted; what is here was measured. */
  complete: Type.Boolean(),
  manifest: Manifest,
  experiments: Type.Array(ExperimentResult),
})
export type Results = Static<typeof Results>
