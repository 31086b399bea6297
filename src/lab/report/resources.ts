import type { Figure, Manifest, Sample } from '../results.ts'
import { figureInText, formatSetting, scaleFigure } from './format.ts'
import { type Html, html } from './html.ts'
import { emptyCell, figureCell, table } from './table.ts'

/** A statement about a resource with its figure; empty where that was not read. */
type Statement = string[]

/** What the USE method asks of a resource (Gregg, Systems Performance, 2013, section 2.5). */
interface Resource {
  readonly name: string
  /** How busy it was. */
  readonly utilisation?: readonly Statement[]
  /** How much stood in line for it. */
  readonly saturation?: readonly Statement[]
  readonly errors?: readonly Statement[]
}

/** Each resource of a sample by utilisation, saturation and errors; what was not read is left out. */
export function resourceTable(sample: Sample, manifest: Manifest): Html {
  const rows = resourcesOf(sample, manifest).map(({ name, utilisation, saturation, errors }) => ({
    name,
    columns: [utilisation, saturation, errors].map((statements = []) => statements.flat()),
  }))
  return html`
    ${table({
      caption: `Every resource with “${sample.label}”`,
      note: 'median (lowest–highest repeat)',
      kind: 'words',
      columns: [['Resource'], ['Utilisation', 'how busy'], ['Saturation', 'what waits for it'], ['Errors']],
      rows: rows
        .filter(({ columns }) => columns.some(statements => statements.length > 0))
        .map(({ name, columns }) => [name, ...columns.map(statementsCell)]),
    })}
    ${statementsTable(sample)}`
}

function statementsCell(statements: readonly string[]): Html {
  if (statements.length === 0) return emptyCell()
  return html`<td>${statements.map(statement => html`<div>${statement}</div>`)}</td>`
}

function resourcesOf(sample: Sample, { cores: all }: Manifest): Resource[] {
  const { utilisation, whereabouts, pool, postgres, runtime, pressure, throttled, errors } = sample
  const ofCores = `of ${formatSetting(all)} cores`
  return [
    {
      name: 'API: event loop',
      utilisation: [
        share(utilisation.apiThread, 'of the time busy'),
        share(utilisation.apiThreadRan, 'of the time on a core'),
      ],
      saturation: [share(utilisation.apiThreadQueued, 'of the time waiting for a core')],
      errors: [
        share(ifAny(errors.ratio), 'of requests not answered 2xx'),
        named(sample.refusals, (name, figure) => share(ifAny(figure), `refused: ${name}`)),
      ],
    },
    {
      name: 'API: CPU',
      utilisation: [cores(utilisation.api, 'cores')],
      saturation: [share(ifAny(throttled?.api), 'of the time stopped by its quota')],
    },
    {
      name: 'API: memory',
      utilisation: [share(runtime?.heapShare, 'of the heap'), amount(runtime?.residentMiB, 'MiB resident')],
      saturation: [share(runtime?.gcShare, 'of the time stopped by the garbage collector')],
    },
    {
      name: 'Batches',
      utilisation: [amount(sample.rowsPerBatch, 'rows in a batch')],
      saturation: [amount(whereabouts?.batchQueue, 'requests waiting for the next batch')],
    },
    {
      name: 'Connection pool',
      utilisation: [
        fraction(pool?.used, pool?.max, 'connections in use'),
        amount(pool?.useMs, 'ms in use at a time'),
      ],
      saturation: [
        amount(whereabouts?.poolQueue, 'requests waiting'),
        amount(pool?.waitMs, 'ms waited for a connection'),
      ],
      errors: [amount(ifAny(pool?.timeouts), 'gave up waiting')],
    },
    {
      name: 'PostgreSQL: CPU',
      utilisation: [cores(utilisation.database, ofCores)],
      saturation: [
        amount(utilisation.databaseQueued, 'processes waiting for a core'),
        amount(whereabouts?.database, 'requests with a running statement'),
        share(ifAny(throttled?.database), 'of the time stopped by its quota'),
      ],
    },
    {
      name: 'PostgreSQL: locks',
      saturation: [
        sessions(sample, 'Lock'),
        named(postgres?.blockers, (name, figure) =>
          amount(figure, `waiting behind a session that is ${name}`),
        ),
      ],
    },
    {
      name: 'PostgreSQL: WAL and disk',
      utilisation: [
        share(postgres?.walFlush.share, 'of the time writing and flushing WAL'),
        amount(postgres?.walFlush.perS, 'flushes/s'),
        amount(postgres?.walBytesPerRequest, 'bytes of WAL a request'),
        amount(ifAny(postgres?.checkpoints), 'checkpoints ended'),
      ],
      saturation: [
        amount(postgres?.walFlush.ms, 'ms a flush'),
        sessions(sample, 'IO'),
        share(ifAny(pressure?.io), 'of the time something waited for the disk (PSI)'),
      ],
    },
    {
      name: 'PostgreSQL: connections',
      utilisation: [
        fraction(postgres?.peakSessions, postgres?.maxConnections, 'sessions at most'),
        sessions(sample, 'other'),
      ],
      errors: [named(sample.failures, (name, figure) => share(ifAny(figure), `of requests: ${name}`))],
    },
    {
      name: 'Host: CPU',
      utilisation: [cores(utilisation.host, ofCores)],
      saturation: [share(pressure?.cpu, 'of the time something waited for a core (PSI)')],
    },
    {
      name: 'Host: memory',
      saturation: [share(ifAny(pressure?.memory), 'of the time something waited for memory (PSI)')],
    },
    {
      name: 'Load generator',
      utilisation: [cores(utilisation.generator, 'cores')],
      saturation: [
        share(sample.generatorStalled, 'of the time not running when it should'),
        share(ifAny(throttled?.generator), 'of the time stopped by its quota'),
      ],
      errors: [amount(ifAny(errors.dropped), 'requests never sent')],
    },
  ]
}

/** null or absent: not read. */
type Reading = Figure | null | undefined

/** For figures that are shown only where they are not zero. */
function ifAny(figure: Reading): Figure | null {
  return figure && figure.high > 0 ? figure : null
}

function amount(figure: Reading, unit: string): Statement {
  return figure ? [figureInText(figure, unit)] : []
}

/** In hundredths of a core. */
function cores(figure: Reading, unit: string): Statement {
  return figure ? [figureInText(figure, unit, 2)] : []
}

function share(figure: Reading, of: string): Statement {
  return figure ? amount(scaleFigure(figure, 100), `% ${of}`) : []
}

function fraction(used: Reading, most: Reading, unit: string): Statement {
  return amount(used, most ? `of ${formatSetting(most.median)} ${unit}` : unit)
}

function named(
  figures: Readonly<Record<string, Figure>> | undefined,
  of: (name: string, figure: Figure) => Statement,
): Statement {
  return Object.entries(figures ?? {}).flatMap(([name, figure]) => of(name, figure))
}

/** Sessions in wait events of one class, a line an event, or in any other state. */
function sessions({ postgres }: Sample, which: 'Lock' | 'IO' | 'other'): Statement {
  return named(postgres?.sessions, (name, figure) => {
    const [kind = ''] = name.split(':')
    const state = sessionStates.get(name) ?? `waiting${waits.get(kind) ?? ''} (${name})`
    return which === (waits.has(kind) ? kind : 'other') ? amount(ifAny(figure), `sessions ${state}`) : []
  })
}

const waits: ReadonlyMap<string, string> = new Map([
  ['Lock', ' for a lock'],
  ['IO', ' for input or output'],
])

const sessionStates: ReadonlyMap<string, string> = new Map([
  ['cpu', 'running, or waiting for a core'],
  ['idle', 'idle: waiting for the service'],
  ['idle in transaction', 'idle in a transaction: waiting for the service, locks held'],
])

function statementsTable({ postgres }: Sample): Html | null {
  const statements = postgres?.statements ?? []
  if (statements.length === 0) return null
  return table({
    caption: 'The statements that took PostgreSQL most time',
    note: 'from pg_stat_statements',
    kind: 'words',
    columns: [['Statement'], ['Calls', 'a request'], ['Execution', 'µs a request']],
    rows: statements.map(({ text, callsPerRequest, executionUsPerRequest }) => [
      html`<code>${text}</code>`,
      figureCell(callsPerRequest),
      figureCell(executionUsPerRequest),
    ]),
  })
}
