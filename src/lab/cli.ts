import { dirname } from 'node:path'
import { inspect } from 'node:util'
import { Argument, Command, CommanderError, InvalidArgumentError, Option } from 'commander'
import { addAbCommand } from './ab/ab-command.ts'
import { type Assertion, parseAssertion } from './analysis/assertion.ts'
import { count, httpUrl, seconds } from './arguments.ts'
import { addAttachCommand } from './attach/attach-command.ts'
import { addAuditCommand } from './audit/audit-command.ts'
import { runCompareCommand } from './compare-command.ts'
import { exitCodes, LabError } from './errors.ts'
import { full as allFindings, experiments, tour, tourMinutes } from './experiments/all.ts'
import { type Experiment, estimateS } from './experiments/experiment.ts'
import { addInsertTableCommand } from './insert-table-command.ts'
import { generatorHelp, generatorNames } from './load/choose.ts'
import { addPlanCommand } from './plan/command.ts'
import { holdToAssertions } from './run/assertions.ts'
import { readResults, renderAgain } from './run/results-folder.ts'
import { type RunOptions, runLab } from './run/run.ts'
import { masked } from './secrets.ts'
import { callLoopbackDirectly } from './stack/direct-loopback.ts'
import { interruption } from './stack/interruption.ts'
import { runServiceCommand } from './stack/service-command.ts'

/** The options of a run as commander names them. */
interface RunFlags
  extends Pick<RunOptions, 'url' | 'insecure' | 'databaseUrl' | 'generator' | 'only' | 'resume' | 'live'> {
  duration?: number
  repeats?: number
  out: string
  iOwnThisTarget: boolean
  assert: Assertion[]
}

/** The command line: arguments in, exit code out; everything else is done elsewhere. */
function commandLine(setExitCode: (code: number) => void): Command {
  const lab = new Command('lab')
    .description(
      'Finds out where the insert limit of a Node.js + PostgreSQL service arises, and what changes it.',
    )
    .option('--debug', 'show where an error arose')
    .exitOverride()
    .configureOutput({ outputError: (text, write) => write(withoutArgument(text)) })
    .configureHelp({ showGlobalOptions: true })

  withRunOptions(lab.command('tour', { isDefault: true }))
    .description(`run the most telling experiments, under ${tourMinutes} minutes (what \`npm run lab\` does)`)
    .option('--full', 'run the experiments that cover every finding, in under an hour')
    .action(async ({ full, ...flags }: RunFlags & { full?: boolean }) => {
      setExitCode(await (full ? run('full', allFindings, flags) : run('tour', tour, flags)))
    })

  lab
    .command('list')
    .description('show every experiment, its question and how long it takes')
    .action(() => console.log(experiments.map(described).join('\n\n')))

  withRunOptions(lab.command('run'))
    .description('run experiments by name')
    .option('--only <value...>', 'only steps with this setting, for example "Fastify + pg" in peers')
    .addArgument(
      new Argument('<experiment...>', 'see `list`').argParser<Experiment[]>((name, chosen) => [
        ...(chosen ?? []),
        experimentNamed(name),
      ]),
    )
    .action(async (chosen: Experiment[], flags: RunFlags) => {
      setExitCode(await run(chosen.map(({ name }) => name).join('+'), chosen, flags))
    })

  addAttachCommand(lab, setExitCode)
  addAbCommand(lab, setExitCode)
  addAuditCommand(lab, setExitCode)

  addInsertTableCommand(lab)

  lab
    .command('report')
    .description("render a result's report again")
    .argument('<result>', 'a folder under results/, or its results.json')
    .action((path: string) => console.log(renderAgain(path)))

  addPlanCommand(lab)

  lab
    .command('compare')
    .description('show which figures changed beyond the noise from one result to another')
    .argument('<before>', 'a folder under results/, or its results.json')
    .argument('<after>', 'the same')
    .option('--all', 'show the figures that did not change, too')
    .action((before: string, after: string, { all = false }: { all?: boolean }) =>
      setExitCode(runCompareCommand(before, after, all)),
    )

  lab
    .command('assert')
    .description('check an existing result against assertions')
    .argument('<result>', 'a folder under results/, or its results.json')
    .addArgument(new Argument('<assertion...>', assertionHelp).argParser(assertionsSoFar))
    .action((path: string, assertions: Assertion[]) => {
      const { file, results } = readResults(path)
      setExitCode(holdToAssertions(assertions, results.experiments, dirname(file)))
    })

  lab
    .command('service')
    .description('start the service, on an embedded PostgreSQL unless DATABASE_URL or PGHOST names one')
    .action(async () => setExitCode(await runServiceCommand()))

  return lab
}

/** The message about a wrong argument, without the argument if it may contain a secret. */
function withoutArgument(text: string): string {
  return masked(
    text.replace(
      /(option '--(?:header|body|url|database|database-url) .*' )argument '.*' is/s,
      '$1argument is',
    ),
  )
}

function withRunOptions(command: Command): Command {
  return command
    .option('--duration <s>', 'length of each measurement, after the warm-up', seconds)
    .option('--repeats <n>', 'measurements of each step', count(100))
    .option('--out <dir>', 'folder for results', 'results')
    .option('--resume <result>', 'continue an interrupted run: its folder under results/')
    .option('--url <url>', 'measure a service that runs already, sending load only', httpUrl)
    .option('--insecure', 'accept any certificate of that service', false)
    .option('--i-own-this-target', 'load it although its address is public, because it is mine', false)
    .option(
      '--database-url <url>',
      'make a database on this PostgreSQL and load it (with --url: read its statistics); without it DATABASE_URL, if on this machine',
    )
    .addOption(new Option('--generator <name>', generatorHelp).choices(generatorNames))
    .addOption(
      new Option('--assert <assertion>', assertionHelp).argParser(assertionsSoFar).default([], 'none'),
    )
    .option('--no-live', 'do not serve the page that shows the run')
}

function run(
  name: string,
  chosen: readonly Experiment[],
  { duration, repeats, out, iOwnThisTarget, assert, ...flags }: RunFlags,
): Promise<number> {
  return runLab(chosen, {
    ...flags,
    ...{ name, outFolder: out, isOwned: iOwnThisTarget, assertions: assert, signal: interruption() },
    timing: {
      ...(duration !== undefined && { durationS: duration }),
      ...(repeats !== undefined && { repeats }),
    },
  })
}

function described(experiment: Experiment): string {
  const { name, question, hypothesis, finding, varies, holds } = experiment
  const about = `about ${Math.ceil(estimateS(experiment) / 60)} min`
  return [
    `${name} (${[about, finding && `finding ${finding}`].filter(Boolean).join(', ')})`,
    `  question    ${question}`,
    `  hypothesis  ${hypothesis}`,
    `  varies      ${varies}`,
    `  holds       ${holds}`,
  ].join('\n')
}

function experimentNamed(name: string): Experiment {
  const found = experiments.find(experiment => experiment.name === name)
  if (found !== undefined) return found
  throw new InvalidArgumentError(`There are: ${experiments.map(one => one.name).join(', ')}.`)
}

const assertionHelp = 'such as "throughput>10000" or "insert-cost:cpuPerRequestUs<30"; repeatable'

function assertionsSoFar(text: string, before: Assertion[] | undefined): Assertion[] {
  const assertion = parseAssertion(text)
  if (typeof assertion === 'string') throw new InvalidArgumentError(assertion)
  return [...(before ?? []), assertion]
}

async function main(): Promise<number> {
  callLoopbackDirectly()
  let exitCode: number = exitCodes.done
  const lab = commandLine(code => {
    exitCode = code
  })
  try {
    await lab.parseAsync()
    return exitCode
  } catch (error) {
    // commander has already printed what was wrong, or the help that was asked for.
    if (error instanceof CommanderError) return error.exitCode === 0 ? exitCodes.done : exitCodes.usage
    return explain(error, lab.opts()['debug'] === true)
  }
}

/** One line of what is wrong, one of what to do; where it arose only for those who asked. */
function explain(error: unknown, debug: boolean): number {
  const known = error instanceof LabError
  console.error(masked(error instanceof Error ? error.message : String(error)))
  console.error(known ? masked(error.remedy) : 'This error is not expected; --debug shows where it arose.')
  if (debug) console.error(masked(inspect(error)))
  return known ? error.exitCode : exitCodes.environment
}

process.exitCode = await main()
