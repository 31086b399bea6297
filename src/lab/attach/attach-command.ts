import { type Command, InvalidArgumentError, Option } from 'commander'
import { count, httpUrl, path, quoted } from '../arguments.ts'
import { generatorHelp, generatorNames } from '../load/choose.ts'
import type { LoadGenerator } from '../load/generator.ts'
import { methods } from '../load/templates.ts'
import { masked, maskedHeader } from '../secrets.ts'
import { interruption } from '../stack/interruption.ts'
import { attach } from './attach.ts'

interface AttachFlags {
  url: string
  path: string
  method?: string
  body?: string
  header: Record<string, string>
  showHeaders: boolean
  insecure: boolean
  timeout?: number
  scenario?: string
  start?: string
  cwd: string
  inspect: boolean
  pid?: number
  container?: string
  cgroup?: string
  database?: string
  duration: number
  repeats: number
  maxConnections: number
  maxRate: number
  maxErrors: number
  p99: number
  generator?: LoadGenerator['name']
  iOwnThisTarget: boolean
  out: string
  live: boolean
}

/** `lab attach`: arguments only. */
export function addAttachCommand(lab: Command, setExitCode: (code: number) => void): void {
  lab
    .command('attach')
    .description('send load to any HTTP service, and find what limits it and how much it can answer')
    .requiredOption('--url <url>', 'where it listens, such as http://127.0.0.1:8000', httpUrl)
    .option(
      '--path <path>',
      'added to the path of --url; {n} becomes a number of 15 digits that no other request has, {uuid} a UUID, {random:1-500} a random number from 1 to 500',
      path,
      '',
    )
    .addOption(
      new Option('--method <method>', 'GET, or POST where there is a --body, unless given').argParser(method),
    )
    .option(
      '--body <text>',
      'sent with every request, as application/json if it is JSON; {n}, {uuid} and {random:…} as in --path',
    )
    .option('--header <name: value>', 'sent with every request; may be repeated', header, {})
    .option('--show-headers', 'write the values of --header into the results, too', false)
    .option('--timeout <s>', 'how long an answer may take (5 s for the first one, 30 under load)', count(600))
    .option('--insecure', 'accept any certificate', false)
    .option('--scenario <file.ts>', 'a module whose default export lists requests with their weights')
    .addOption(
      new Option(
        '--start <command>',
        'starts the service with this command, such as "npm start", and the CPU ledger in its Node processes',
      ).conflicts(['pid', 'container', 'cgroup']),
    )
    .option('--cwd <folder>', 'where --start runs', '.')
    .option(
      '--inspect',
      'takes a CPU profile of the running service: opens the inspector of Node for some seconds, or runs py-spy',
      false,
    )
    .addOption(new Option('--pid <n>', 'its process, if the port is not enough').argParser(count(4_194_304)))
    .addOption(new Option('--container <name>', 'its container').conflicts(['pid', 'cgroup']))
    .addOption(
      new Option('--cgroup <path>', 'its cgroup, below /sys/fs/cgroup').conflicts(['pid', 'container']),
    )
    .option('--database <url>', 'its PostgreSQL, whose statistics are read')
    .option('--duration <s>', 'length of each measurement, after a second of warm-up', count(60), 3)
    .option(
      '--repeats <n>',
      'measurements of a step at most; fewer, if one or two give a clear result',
      count(10),
      3,
    )
    .option('--max-connections <n>', 'connections at most', count(1024), 64)
    .option(
      '--max-rate <n>',
      'arrivals per second at most, when looking for the highest rate',
      count(100_000),
      10_000,
    )
    .option('--max-errors <share>', 'share of failed requests, 0 to 1, above which the run stops', share, 0.1)
    .option('--p99 <ms>', 'the highest p99 latency that a rate may have', count(60_000), 100)
    .addOption(new Option('--generator <name>', generatorHelp).choices(generatorNames))
    .option('--i-own-this-target', 'load it although its address is public, because it is mine', false)
    .option('--out <dir>', 'folder for results', 'results')
    .option('--no-live', 'do not serve the page that shows the run')
    .action(async (flags: AttachFlags) => {
      const { url, method, body, header: headers, timeout, insecure } = flags
      setExitCode(
        await attach({
          ...flags,
          url,
          request: {
            ...{ path: flags.path, headers },
            ...(method !== undefined && { method }),
            ...(body !== undefined && { body }),
          },
          connection: { insecure, ...(timeout !== undefined && { timeoutS: timeout }) },
          databaseUrl: flags.database,
          durationS: flags.duration,
          maxRatePerS: flags.maxRate,
          p99Ms: flags.p99,
          isOwned: flags.iOwnThisTarget,
          outFolder: flags.out,
          repeat: [
            'npm run lab --',
            ...withoutSecrets(process.argv.slice(2), flags.showHeaders).map(quoted),
          ].join(' '),
          signal: interruption(),
        }),
      )
    })
}

/** The results contain the command that repeats the run, and users share results. */
function withoutSecrets(words: readonly string[], showHeaders: boolean): string[] {
  return words.map((word, i) => {
    const [, joined] = /^--header=(.*)$/s.exec(word) ?? []
    if (joined !== undefined) return `--header=${maskedHeader(joined, showHeaders)}`
    return words[i - 1] === '--header' ? maskedHeader(word, showHeaders) : masked(word)
  })
}

function method(text: string): string {
  const found = methods.find(one => one === text.toUpperCase())
  if (found !== undefined) return found
  throw new InvalidArgumentError(`Allowed choices are ${methods.join(', ')}.`)
}

function header(text: string, sofar: Record<string, string>): Record<string, string> {
  const [, name, value] = /^([\w-]+):\s*(.+)$/.exec(text) ?? []
  if (name === undefined || value === undefined) throw new InvalidArgumentError('Give it as "Name: value".')
  return { ...sofar, [name.toLowerCase()]: value }
}

function share(text: string): number {
  const value = Number(text)
  if (text.trim() !== '' && value >= 0 && value <= 1) return value
  throw new InvalidArgumentError('Give a share from 0 to 1.')
}
