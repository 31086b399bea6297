import { type Command, InvalidArgumentError, Option } from 'commander'
import type { LoadGenerator } from '../load/generator.ts'
import type { RequestTemplate } from '../load/templates.ts'
import { interruption } from '../stack/interruption.ts'
import { attach } from './attach.ts'

interface AttachFlags {
  url: string
  path: string
  method: NonNullable<RequestTemplate['method']>
  body?: string
  header: Record<string, string>
  scenario?: string
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
    .description('load any HTTP service, and find what limits it and how far it goes')
    .requiredOption('--url <url>', 'where it listens, such as http://127.0.0.1:8000', httpUrl)
    .option(
      '--path <path>',
      'what to ask for; {n} becomes a running number, {random:1-500} a random one',
      path,
      '/',
    )
    .addOption(new Option('--method <method>').choices(['GET', 'POST', 'PUT', 'DELETE']).default('GET'))
    .option('--body <text>', 'sent with every request; {n} and {random:…} as in --path')
    .option('--header <name: value>', 'sent with every request; may be repeated', header, {})
    .option('--scenario <file.ts>', 'a module whose default export lists requests with their weights')
    .addOption(new Option('--pid <n>', 'its process, if the port does not tell').argParser(count(4_194_304)))
    .addOption(new Option('--container <name>', 'its container').conflicts(['pid', 'cgroup']))
    .addOption(
      new Option('--cgroup <path>', 'its cgroup, below /sys/fs/cgroup').conflicts(['pid', 'container']),
    )
    .option('--database <url>', 'its PostgreSQL, whose statistics are read')
    .option('--duration <s>', 'length of each measurement, after a second of warm-up', count(60), 3)
    .option('--repeats <n>', 'measurements of each step', count(10), 3)
    .option('--max-connections <n>', 'connections at most', count(1024), 64)
    .option(
      '--max-rate <n>',
      'arrivals per second at most, when looking for the highest rate',
      count(100_000),
      10_000,
    )
    .option('--max-errors <share>', 'failed requests, 0 to 1, past which it stops', share, 0.1)
    .option('--p99 <ms>', 'what a rate must hold', count(60_000), 100)
    .addOption(new Option('--generator <name>', 'send all load with this one').choices(['k6', 'autocannon']))
    .option('--i-own-this-target', 'it is mine although its address is public', false)
    .option('--out <dir>', 'folder for results', 'results')
    .option('--no-live', 'without the page that follows the run')
    .action(async (flags: AttachFlags) => {
      const { url, method, body, header: headers } = flags
      setExitCode(
        await attach({
          ...flags,
          url,
          request: { method, path: flags.path, headers, ...(body !== undefined && { body }) },
          databaseUrl: flags.database,
          durationS: flags.duration,
          maxRatePerS: flags.maxRate,
          p99Ms: flags.p99,
          isOwned: flags.iOwnThisTarget,
          outFolder: flags.out,
          repeat: ['npm run lab --', ...process.argv.slice(2).map(withoutPassword).map(quoted)].join(' '),
          signal: interruption(),
        }),
      )
    })
}

/** The command that repeats the run stands in the results, which are shown around. */
function withoutPassword(word: string): string {
  return word.replace(/(\w+:\/\/[^\s:@/]*):[^\s@/]*@/, '$1:***@')
}

function quoted(word: string): string {
  return /^[\w./:=,@-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`
}

function httpUrl(text: string): string {
  if (/^https?:$/.test(URL.parse(text)?.protocol ?? '')) return text
  throw new InvalidArgumentError('Give a URL such as http://127.0.0.1:8000.')
}

function path(text: string): string {
  if (text.startsWith('/')) return text
  throw new InvalidArgumentError('Give a path such as /items?limit=10.')
}

function header(text: string, sofar: Record<string, string>): Record<string, string> {
  const [, name, value] = /^([\w-]+):\s*(.+)$/.exec(text) ?? []
  if (name === undefined || value === undefined) throw new InvalidArgumentError('Give it as "Name: value".')
  return { ...sofar, [name.toLowerCase()]: value }
}

function count(most: number): (text: string) => number {
  return text => {
    const value = Number(text)
    if (Number.isInteger(value) && value >= 1 && value <= most) return value
    throw new InvalidArgumentError(`Give a whole number from 1 to ${most}.`)
  }
}

function share(text: string): number {
  const value = Number(text)
  if (text.trim() !== '' && value >= 0 && value <= 1) return value
  throw new InvalidArgumentError('Give a share from 0 to 1.')
}
