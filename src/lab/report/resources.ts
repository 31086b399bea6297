import type { Figure, Manifest, Sample } from '../results.ts'
import { figureInText, formatFigure, formatFigureFixed, formatSetting, scaleFigure } from './format.ts'
import { type Html, html } from './html.ts'

/** What the USE method asks of a resource (Gregg, Systems Performance, 2013, section 2.5). */
interface Resource {
  readonly name: string
  /** How busy it was. */
  readonly utilisation: readonly string[]
  /** How much stood in line for it. */
  readonly saturation: readonly string[]
  readonly errors: readonly string[]
}

/** Each resource of a sample by utilisation, saturation and errors; what was not read is left out. */
export function resourceTable(sample: Sample, manifest: Manifest): Html {
  const seen = resourcesOf(sample, manifest).filter(
    ({ utilisation, saturation, errors }) => utilisation.length + saturation.length + errors.length > 0,
  )
  const cell = (statements: readonly string[]) =>
    statements.length === 0
      ? html`<td class="missing">–</td>`
      : html`<td>${statements.map(statement => html`<div>${statement}</div>`)}</td>`
  return html`
    <div class="scroll" role="region" tabindex="0" aria-label="Resources">
      <table class="words">
        <caption>Every resource with “${sample.label}” <span>median (lowest–highest repeat)</span></caption>
        <thead>
          <tr><th scope="col">Resource</th><th scope="col">Utilisation <span>how busy</span></th>
            <th scope="col">Saturation <span>what waits for it</span></th><th scope="col">Errors</th></tr>
        </thead>
        <tbody>${seen.map(
          ({ name, utilisation, saturation, errors }) =>
            html`<tr><th scope="row">${name}</th>${cell(utilisation)}${cell(saturation)}${cell(errors)}</tr>`,
        )}</tbody>
      </table>
    </div>
    ${sessionsTable(sample)}
    ${statementsTable(sample)}`
}

function resourcesOf(sample: Sample, { cores: all }: Manifest): Resource[] {
  const { utilisation, whereabouts, pool, postgres, runtime, pressure, throttled, errors } = sample
  const ofCores = `of ${formatSetting(all)} cores`
  return [
    {
      name: 'API: event loop',
      utilisation: [
        ...share(utilisation.apiThread, 'of the time busy'),
        ...share(utilisation.apiThreadRan, 'of the time on a core'),
      ],
      saturation: share(utilisation.apiThreadQueued, 'of the time waiting for a core'),
      errors: [
        ...shareUnlessNone(errors.ratio, 'of requests not answered 2xx'),
        ...named(sample.refusals, (name, figure) => shareUnlessNone(figure, `refused: ${name}`)),
      ],
    },
    {
      name: 'API: CPU',
      utilisation: cores(utilisation.api, 'cores'),
      saturation: shareUnlessNone(throttled?.api, 'of the time stopped by its quota'),
      errors: [],
    },
    {
      name: 'API: memory',
      utilisation: [
        ...share(runtime?.heapShare, 'of the heap'),
        ...amount(runtime?.residentMiB, 'MiB resident'),
      ],
      saturation: share(runtime?.gcShare, 'of the time stopped by the garbage collector'),
      errors: [],
    },
    {
      name: 'Batches',
      utilisation: amount(sample.rowsPerBatch, 'rows in a batch'),
      saturation: amount(whereabouts?.batchQueue, 'requests waiting for the next batch'),
      errors: [],
    },
    {
      name: 'Connection pool',
      utilisation: [
        ...fraction(pool?.used, pool?.max, 'connections in use'),
        ...amount(pool?.useMs, 'ms in use at a time'),
      ],
      saturation: [
        ...amount(whereabouts?.poolQueue, 'requests waiting'),
        ...amount(pool?.waitMs, 'ms waited for a connection'),
      ],
      errors: unlessNone(pool?.timeouts, 'gave up waiting'),
    },
    {
      name: 'PostgreSQL: CPU',
      utilisation: cores(utilisation.database, ofCores),
      saturation: [
        ...amount(utilisation.databaseQueued, 'processes waiting for a core'),
        ...amount(whereabouts?.database, 'requests with a running statement'),
        ...shareUnlessNone(throttled?.database, 'of the time stopped by its quota'),
      ],
      errors: [],
    },
    {
      name: 'PostgreSQL: locks',
      utilisation: [],
      saturation: [
        ...sessionsWaiting(sample, 'Lock', 'sessions waiting for a lock'),
        ...named(postgres?.blockers, (name, figure) =>
          amount(figure, `waiting behind a session that is ${name}`),
        ),
      ],
      errors: [],
    },
    {
      name: 'PostgreSQL: WAL and disk',
      utilisation: [
        ...share(postgres?.walFlush.share, 'of the time writing and flushing WAL'),
        ...amount(postgres?.walFlush.perS, 'flushes/s'),
        ...amount(postgres?.walBytesPerRequest, 'bytes of WAL a request'),
        ...unlessNone(postgres?.checkpoints, 'checkpoints ended'),
      ],
      saturation: [
        ...amount(postgres?.walFlush.ms, 'ms a flush'),
        ...sessionsWaiting(sample, 'IO', 'sessions waiting for input or output'),
        ...shareUnlessNone(pressure?.io, 'of the time something waited for the disk (PSI)'),
      ],
      errors: [],
    },
    {
      name: 'PostgreSQL: connections',
      utilisation: fraction(postgres?.peakSessions, postgres?.maxConnections, 'sessions at most'),
      saturation: [],
      errors: named(sample.failures, (name, figure) => shareUnlessNone(figure, `of requests: ${name}`)),
    },
    {
      name: 'Host: CPU',
      utilisation: cores(utilisation.host, ofCores),
      saturation: share(pressure?.cpu, 'of the time something waited for a core (PSI)'),
      errors: [],
    },
    {
      name: 'Host: memory',
      utilisation: [],
      saturation: shareUnlessNone(pressure?.memory, 'of the time something waited for memory (PSI)'),
      errors: [],
    },
    {
      name: 'Load generator',
      utilisation: cores(utilisation.generator, 'cores'),
      saturation: [
        ...share(sample.generatorStalled, 'of the time not running when it should'),
        ...shareUnlessNone(throttled?.generator, 'of the time stopped by its quota'),
      ],
      errors: unlessNone(errors.dropped, 'requests never sent'),
    },
  ]
}

/** null or absent: not read. */
type Reading = Figure | null | undefined

function amount(figure: Reading, unit: string): string[] {
  return figure === null || figure === undefined ? [] : [figureInText(figure, unit)]
}

/** In hundredths of a core. */
function cores(figure: Reading, unit: string): string[] {
  if (figure === null || figure === undefined) return []
  const { median, range } = formatFigureFixed(figure, 2)
  return [`${median} ${unit} (${range ?? 'one run'})`]
}

function share(figure: Reading, of: string): string[] {
  return figure === null || figure === undefined ? [] : amount(scaleFigure(figure, 100), `% ${of}`)
}

/** For figures that are shown only where they are not zero. */
function unlessNone(figure: Reading, unit: string): string[] {
  return figure !== null && figure !== undefined && figure.high > 0 ? amount(figure, unit) : []
}

function shareUnlessNone(figure: Reading, of: string): string[] {
  return figure !== null && figure !== undefined && figure.high > 0 ? share(figure, of) : []
}

function fraction(used: Reading, most: Reading, unit: string): string[] {
  if (used === null || used === undefined) return []
  return amount(used, most === null || most === undefined ? unit : `of ${formatSetting(most.median)} ${unit}`)
}

function named(
  figures: Readonly<Record<string, Figure>> | undefined,
  of: (name: string, figure: Figure) => string[],
): string[] {
  return Object.entries(figures ?? {}).flatMap(([name, figure]) => of(name, figure))
}

/** Sessions in wait events of one class, a line an event. */
function sessionsWaiting({ postgres }: Sample, kind: string, unit: string): string[] {
  return named(postgres?.sessions, (name, figure) =>
    name.startsWith(`${kind}:`) ? unlessNone(figure, `${unit} (${name})`) : [],
  )
}

function sessionsTable({ postgres }: Sample): Html | null {
  const sessions = Object.entries(postgres?.sessions ?? {}).toSorted(([, a], [, b]) => b.median - a.median)
  if (sessions.length === 0) return null
  return html`
    <table class="facts">
      <caption>What PostgreSQL’s sessions did <span>sessions at any moment, sampled</span></caption>
      <tbody>${sessions.map(
        ([name, figure]) =>
          html`<tr><th scope="row">${sessionStates.get(name) ?? name}</th><td>${figureInText(figure, 'sessions')}</td></tr>`,
      )}</tbody>
    </table>`
}

const sessionStates: ReadonlyMap<string, string> = new Map([
  ['cpu', 'running, or waiting for a core'],
  ['idle', 'idle: waiting for the service'],
  ['idle in transaction', 'idle in a transaction: waiting for the service, locks held'],
])

function figureCell(figure: Figure): Html {
  const { median, range } = formatFigure(figure)
  return html`<td>${median} <small>${range ?? 'one run'}</small></td>`
}

function statementsTable({ postgres }: Sample): Html | null {
  const statements = postgres?.statements ?? []
  if (statements.length === 0) return null
  return html`
    <div class="scroll" role="region" tabindex="0" aria-label="Statements">
      <table class="words">
        <caption>The statements that took PostgreSQL most time <span>from pg_stat_statements</span></caption>
        <thead><tr><th scope="col">Statement</th><th scope="col">Calls <span>a request</span></th><th scope="col">Execution <span>µs a request</span></th></tr></thead>
        <tbody>${statements.map(
          ({ text, callsPerRequest, executionUsPerRequest }) =>
            html`<tr><th scope="row"><code>${text}</code></th>${[callsPerRequest, executionUsPerRequest].map(figureCell)}</tr>`,
        )}</tbody>
      </table>
    </div>`
}
