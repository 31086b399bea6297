import { appendFileSync, mkdirSync, readFileSync, renameSync, symlinkSync, writeFileSync } from 'node:fs'
import { basename, dirname, join, resolve } from 'node:path'
import { Value } from 'typebox/value'
import { CpuProfile } from '../analysis/call-tree.ts'
import { LabError } from '../errors.ts'
import { renderReport } from '../report/report.ts'
import { Results, schemaVersion } from '../results.ts'

/** Where one run leaves what it measured. */
export interface ResultsFolder {
  readonly path: string
  readonly reportFile: string
  /** Replaces `results.json` in one step: a reader, or a run killed meanwhile, never sees half of it. */
  save(results: Results): void
  /** Adds what the service printed, under a heading, to `service.log` in the folder. */
  keepLog(heading: string, log: string): void
  /** Writes a file that the results name: a raw profile. */
  keep(file: string, content: string | Uint8Array): void
  /** Renders `report.html` in the folder. */
  report(results: Results): void
}

/** Makes `<parent>/<time>-<name>`, or with a number after it where that is taken, and points `<parent>/latest` at it. */
export function createResultsFolder(parent: string, name: string, startedAt: Date): ResultsFolder {
  const time = startedAt.toISOString().slice(0, 19).replaceAll(':', '-')
  const path = createNewFolder(join(resolve(parent), `${time}-${name}`))
  const link = join(dirname(path), 'latest')
  const newLink = `${path}.latest`
  symlinkSync(basename(path), newLink)
  renameSync(newLink, link)
  return folderAt(path)
}

/**
 * Opens the folder of a run that was interrupted, to go on with it. Throws LAB_USAGE where the run is complete.
 *
 * @returns the folder, and when the run was started
 */
export function resumeResultsFolder(path: string): { folder: ResultsFolder; startedAt: Date } {
  const { file, results } = readResults(path)
  if (!results.complete)
    return { folder: folderAt(dirname(resolve(file))), startedAt: new Date(results.startedAt) }
  throw new LabError('LAB_USAGE', `${file} is complete`, 'Leave --resume out to measure again.')
}

function folderAt(path: string): ResultsFolder {
  const reportFile = join(path, 'report.html')
  return {
    path,
    reportFile,
    save: results => replace(join(path, 'results.json'), `${JSON.stringify(results, null, 2)}\n`),
    keepLog: (heading, log) => appendFileSync(join(path, 'service.log'), `== ${heading}\n${log}\n`),
    keep: (file, content) => replace(join(path, file), content),
    report: results => replace(reportFile, renderReport(results, readProfiles(path, results))),
  }
}

/** Two runs may start in the same second: the folder that exists already belongs to the other one. */
function createNewFolder(wanted: string): string {
  mkdirSync(dirname(wanted), { recursive: true })
  for (let number = 1; ; number++) {
    const path = number === 1 ? wanted : `${wanted}-${number}`
    try {
      mkdirSync(path)
      return path
    } catch (error) {
      if (!(error instanceof Error && 'code' in error && error.code === 'EEXIST')) throw error
    }
  }
}

/**
 * Reads a result by its folder or its `results.json`. Throws LAB_RESULTS_UNREADABLE where there is none, or
 * where it does not fit this version's schema.
 */
export function readResults(path: string): { file: string; results: Results } {
  const file = path.endsWith('.json') ? path : join(path, 'results.json')
  const read = readJson(file)
  if (Value.Check(Results, read)) return { file, results: read }
  const schema = schemaOf(read)
  throw unreadable(
    schema === schemaVersion || schema === null
      ? `${file} is not a result of this version of the lab`
      : `${file} has schema ${schema}, and this version of the lab reads ${schemaVersion}`,
  )
}

function readJson(file: string): unknown {
  try {
    return JSON.parse(readFileSync(file, 'utf8'))
  } catch (cause) {
    throw unreadable(`${file} cannot be read: ${cause instanceof Error ? cause.message : cause}`, cause)
  }
}

function schemaOf(read: unknown): number | null {
  if (typeof read !== 'object' || read === null || !('schema' in read)) return null
  return typeof read.schema === 'number' ? read.schema : null
}

/** Renders the report of an existing result again; gives the file's path. */
export function renderAgain(path: string): string {
  const { file, results } = readResults(path)
  const reportFile = join(dirname(file), 'report.html')
  replace(reportFile, renderReport(results, readProfiles(dirname(file), results)))
  return reportFile
}

/** The profiles that the results name. One that is missing or unreadable is left out. */
function readProfiles(folder: string, { experiments }: Results): Map<string, CpuProfile> {
  const files = experiments.flatMap(({ samples }) => samples.flatMap(({ profile }) => profile?.files ?? []))
  return new Map(
    files.flatMap((file): [string, CpuProfile][] => {
      try {
        // The name comes from a file that anyone may have written; it must not lead out of the folder.
        const read: unknown = JSON.parse(readFileSync(join(folder, basename(file)), 'utf8'))
        return Value.Check(CpuProfile, read) ? [[file, read]] : []
      } catch {
        return []
      }
    }),
  )
}

function replace(file: string, content: string | Uint8Array): void {
  writeFileSync(`${file}.new`, content)
  renameSync(`${file}.new`, file)
}

function unreadable(message: string, cause?: unknown): LabError {
  return new LabError(
    'LAB_RESULTS_UNREADABLE',
    message,
    'Name a folder under results/ that a run of this version left, for example results/latest.',
    { cause },
  )
}
