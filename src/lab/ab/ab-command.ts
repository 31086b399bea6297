import { type Command, Option } from 'commander'
import { count, path, quoted, seconds } from '../arguments.ts'
import { generatorHelp, generatorNames } from '../load/choose.ts'
import { masked } from '../secrets.ts'
import { interruption } from '../stack/interruption.ts'
import { type AbOptions, compareServices } from './ab.ts'

/** The options as commander names them. */
interface AbFlags extends Omit<AbOptions, 'isOwned' | 'outFolder' | 'repeat' | 'signal'> {
  iOwnThisTarget: boolean
  out: string
}

const service = 'a URL, or a command that the lab starts with PORT, HOST, ADMIN_PORT and DATABASE_URL'

/** `lab ab`: arguments only. */
export function addAbCommand(lab: Command, setExitCode: (code: number) => void): void {
  lab
    .command('ab')
    .description('compare two services that run at the same time: the load goes to one and the other in turn')
    .requiredOption('--a <service>', `the one to compare with: ${service}`)
    .requiredOption('--b <service>', 'the one that is compared: a URL or a command, as for --a')
    .option('--path <path>', 'what to ask for', path, '/')
    .option('--scenario <file.ts>', 'a module whose default export lists requests with their weights')
    .option(
      '--database-url <url>',
      'DATABASE_URL of a command; without it that of the shell, if on this machine, or an embedded PostgreSQL',
    )
    .option('--connections <n>', 'connections, each of which waits for its answer', count(1024), 64)
    .option('--windows <n>', 'windows of each service', count(100), 12)
    .option('--window <s>', 'length of each window', seconds, 3)
    .option('--warm-up <s>', 'load on each service before the first window', seconds, 10)
    .addOption(new Option('--generator <name>', generatorHelp).choices(generatorNames))
    .option('--i-own-this-target', 'load it although its address is public, because it is mine', false)
    .option('--out <dir>', 'folder for results', 'results')
    .option('--no-live', 'do not serve the page that shows the run')
    .action(async ({ iOwnThisTarget, out, ...flags }: AbFlags) => {
      setExitCode(
        await compareServices({
          ...flags,
          ...{ isOwned: iOwnThisTarget, outFolder: out },
          repeat: ['npm run lab --', ...process.argv.slice(2).map(masked).map(quoted)].join(' '),
          signal: interruption(),
        }),
      )
    })
}
