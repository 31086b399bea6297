import { execFileSync } from 'node:child_process'
import {
  copyFileSync,
  cpSync,
  existsSync,
  mkdirSync,
  readFileSync,
  realpathSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { dirname, join } from 'node:path'
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest'
import { parse } from 'yaml'
import packageJson from '../../package.json' with { type: 'json' }
import { costsOf } from '../../src/lab/plan/costs.ts'
import type { Results } from '../../src/lab/results.ts'
import { readResults } from '../../src/lab/run/results-folder.ts'
import { findFreePort } from '../../src/lab/stack/free-port.ts'
import {
  createGuardedFolder,
  type GuardedProcess,
  removeGuardedFolder,
  spawnGuarded,
} from '../../src/lab/stack/janitor.ts'
import { keepTail } from '../../src/lab/stack/output-tail.ts'
import { waitUntilReady } from '../../src/lab/stack/service-process.ts'
import { createDatabase } from '../helpers/database.ts'
import { resultsOf } from '../lab/analysis/results.ts'
import { sample } from '../lab/analysis/samples.ts'
import { results as knownResults, samples as knownSamples } from '../lab/plan/known-costs.ts'
import { available, type Ended, pathOf, repository, run } from '../programs.ts'
import { type Command, commandsIn, unhandled, unknownScripts } from './commands.ts'

/**
 * Every command in a block of a page is in one of the tables below: run here, run by another test, too long to be run,
 * or in need of a program that may not be there. The commands are typed in a copy of the checkout, because they write.
 * Only these things differ from what a reader types:
 *
 * - Addresses become those of free ports, and `…` what it stands for.
 * - Each measurement takes one second and is made once ({@link short}). `run ping` always has the address of the
 *   service that `npm run service` started. `run capacity` starts the lab's own.
 */

const gitFiles = (...args: string[]) =>
  execFileSync('git', ['ls-files', '-z', ...args], { cwd: repository, encoding: 'utf8' })
    .split('\0')
    .filter(file => statSync(join(repository, file), { throwIfNoEntry: false })?.isFile())

const pages = gitFiles('*.md').map(page => ({ page, text: readFileSync(join(repository, page), 'utf8') }))
const commands = pages.flatMap(({ page, text }) => commandsIn(page, text))

let folder: string
let checkout: string
/** The folder of somebody's service. */
let shop: string
let service: Started
let serviceUrl: string
let ledgerPort: number
const cleanup = new AsyncDisposableStack()

beforeAll(async () => {
  folder = createGuardedFolder()
  cleanup.defer(() => removeGuardedFolder(folder))
  checkout = join(folder, 'insertlab')
  for (const file of gitFiles('--cached', '--others', '--exclude-standard')) {
    mkdirSync(dirname(join(checkout, file)), { recursive: true })
    copyFileSync(join(repository, file), join(checkout, file))
  }
  symlinkSync(join(repository, 'node_modules'), join(checkout, 'node_modules'))
  shop = join(folder, 'shop')
  mkdirSync(shop)
  writeFileSync(join(shop, 'package.json'), '{ "name": "shop", "type": "module", "private": true }')
  writeFileSync(
    join(shop, 'server.js'),
    `import { createServer } from 'node:http'
createServer((_, response) => response.end('sold')).listen(Number(process.env.PORT), '127.0.0.1')
`,
  )
  const port = await findFreePort()
  serviceUrl = `http://127.0.0.1:${port}`
  const env = { PORT: String(port), ADMIN_PORT: String(await findFreePort()) }
  service = await starts('npm run service', `${serviceUrl}/readyz`, { env })
})
afterAll(() => cleanup.disposeAsync())

interface Typed {
  readonly cwd?: string
  readonly env?: Record<string, string>
}

const quietNpm = { npm_config_audit: 'false', npm_config_fund: 'false', npm_config_update_notifier: 'false' }

/** Arguments of `env`: the line in bash, without the database of whoever runs this test. */
function inShell(line: string, env: Readonly<Record<string, string>>): string[] {
  const settings = Object.entries({ ...quietNpm, ...env }).map(([name, value]) => `${name}=${value}`)
  return ['-u', 'DATABASE_URL', '-u', 'PGHOST', ...settings, 'bash', '-c', line]
}

function enter(line: string, { cwd = checkout, env = {} }: Typed = {}): Promise<Ended> {
  return run('env', inShell(line, env), {}, cwd)
}

async function succeeds(line: string, typed?: Typed): Promise<string> {
  const { code, output } = await enter(line, typed)
  expect(code, output).toBe(0)
  return output
}

interface Started extends GuardedProcess {
  output(): string
}

/** What stays until Ctrl-C; resolves once it answers. */
async function starts(line: string, readyUrl: string, { cwd = checkout, env = {} }: Typed): Promise<Started> {
  const guarded = await spawnGuarded('env', inShell(line, env), {
    cwd,
    stdio: ['ignore', 'pipe', 'pipe'],
    stopSignal: 'SIGINT',
    graceMs: 30_000,
  })
  cleanup.defer(() => guarded.end())
  const output = keepTail(guarded.child.stdout, guarded.child.stderr)
  const state = await waitUntilReady(readyUrl, guarded, AbortSignal.timeout(60_000))
  expect(state, output()).toBe('ready')
  return { ...guarded, output }
}

const short = '--duration 1 --repeats 1 --no-live'
const latest = () => join(checkout, 'results/latest')

/** Whole results of one experiment, as the newest run left them. */
function expectMeasured(name: string): Results {
  const { results } = readResults(latest())
  expect(results).toMatchObject({ complete: true, experiments: [{ name }] })
  return results
}

/** Makes it the newest result. */
function leave(name: string, results: Results): void {
  const path = join(checkout, 'results', name)
  mkdirSync(path, { recursive: true })
  writeFileSync(join(path, 'results.json'), JSON.stringify(results))
  rmSync(latest(), { force: true })
  symlinkSync(name, latest())
}

/** Keeps the newest result under the name that a page gives it. */
function keepAs(name: string): void {
  cpSync(realpathSync(latest()), join(checkout, 'results', name), { recursive: true })
}

type Check = (line: string) => Promise<unknown>

/** Run here, in this order: a later command reads what an earlier one left. */
const here: Readonly<Record<string, Check>> = {
  'npm run service': async () => {
    await expect.poll(service.output).toMatch(/^database .*gone at the end/m)
    expect((await fetch(`${serviceUrl}/test-insert`)).status).toBe(200)
  },
  'npm start': async line => {
    const database = await createDatabase()
    onTestFinished(() => database.drop())
    const [port, adminPort] = [await findFreePort(), await findFreePort()]
    const env = { DATABASE_URL: database.url, PORT: String(port), ADMIN_PORT: String(adminPort) }
    const url = `http://127.0.0.1:${port}`
    const started = await starts(line, `${url}/readyz`, { env })
    expect((await fetch(`${url}/test-insert`)).status).toBe(200)
    await started.end()
  },
  'npm run lab -- list': async line => {
    expect(await succeeds(line)).toContain('insert-cost (')
  },
  'npm run lab -- run capacity': async line => {
    await succeeds(`${line} ${short}`)
    const { experiments } = expectMeasured('capacity')
    expect(costsOf(experiments.flatMap(({ samples }) => samples))).not.toHaveProperty('missing')
  },
  // From known figures, because what was measured in one second says how busy the machine was.
  'npm run lab -- plan --rate 100000 --p99 50ms': async line => {
    leave('known', knownResults(knownSamples))
    expect(await succeeds(line)).toMatch(/\d pods/)
  },
  'npm run lab -- plan --rate 100000 --write deploy/k8s/overlays/mine': async line => {
    await succeeds(line)
    expect(existsSync(join(checkout, 'deploy/k8s/overlays/mine/kustomization.yaml'))).toBe(true)
  },
  'npm run lab -- run ping --url http://127.0.0.1:8000': async line => {
    await succeeds(`${line.replace('http://127.0.0.1:8000', serviceUrl)} ${short}`)
    expectMeasured('ping')
  },
  // Of an option that is given twice the lab takes the second.
  'npm run lab -- run ping --duration 10 --repeats 5': async line => {
    await succeeds(`${line} ${short} --url ${serviceUrl}`)
    const [first] = expectMeasured('ping').experiments[0]?.samples ?? []
    expect(first).toMatchObject({ load: { durationS: 1 }, throughputPerS: { repeats: 1 } })
    keepAs('a')
  },
  // 1: this machine is slower than that.
  'npm run lab -- run ping --assert "throughput>10000"': async line => {
    const { code, output } = await enter(`${line} ${short} --url ${serviceUrl}`)
    expect([0, 1], output).toContain(code)
    expect(output).toContain('throughput>10000: ping')
    expectMeasured('ping')
    expect(existsSync(join(latest(), 'junit.xml'))).toBe(true)
    keepAs('b')
  },
  'npm run lab -- report results/latest': async line => {
    rmSync(join(latest(), 'report.html'), { force: true })
    await succeeds(line)
    expect(existsSync(join(latest(), 'report.html'))).toBe(true)
  },
  'npm run lab -- compare results/a results/b': line => succeeds(line),
  'npm run lab -- ab --a "npm start" --b http://127.0.0.1:8001 --path /test-insert': async line => {
    const windows = '--windows 3 --window 1 --warm-up 1 --connections 4 --no-live'
    await succeeds(`${line.replace('http://127.0.0.1:8001', serviceUrl)} ${windows}`)
    expectMeasured('ab')
  },
  // 1: it is a result of 20 users.
  'npm run lab -- audit summary.json --users 200': async line => {
    copyFileSync(join(repository, 'test/fixtures/audit/k6-closed.json'), join(checkout, 'summary.json'))
    const { code, output } = await enter(line)
    expect(output).toContain('The test is said to have 200 users. The file states 20.')
    expect(code).toBe(1)
  },
  'npm run lab -- insert-table results/latest': async line => {
    const one = { knobs: { stack: 'A stack of this test', rows: 1 } }
    leave('peers', resultsOf({ name: 'peers', samples: [sample(one)] }))
    await succeeds(line)
    expect(readFileSync(join(checkout, 'docs/insert-table.md'), 'utf8')).toContain('A stack of this test')
  },
  '(cd src/ledger && npm pack)': async line => {
    expect(await succeeds(line)).toContain('insertlab-cpu-ledger-0.1.0.tgz')
  },
  'npm install …/insertlab-cpu-ledger-0.1.0.tgz': line =>
    succeeds(line.replace('…', join(checkout, 'src/ledger')), { cwd: shop }),
  'CPU_LEDGER_PORT=9465 node --import @insertlab/cpu-ledger/auto server.js': async line => {
    const port = await findFreePort()
    ledgerPort = await findFreePort()
    const env = { PORT: String(port) }
    const typed = line.replace('9465', String(ledgerPort))
    await starts(typed, `http://127.0.0.1:${port}/`, { cwd: shop, env })
  },
  'curl http://127.0.0.1:9465/metrics': async line => {
    const typed = line.replace('9465', String(ledgerPort))
    const page = async () => (await enter(typed)).stdout
    await expect.poll(page).toContain('http_server_request_cpu_seconds_count')
  },
}

/** A file that runs it, and a piece of that file that shows so. */
type Where = readonly [file: string, says: string]

const elsewhere: Readonly<Record<string, readonly Where[]>> = {
  'npm ci && npm run lab': [
    ['.ci/run', 'npm ci --no-audit'],
    ['test/lab/lab.thorough.ts', "startLab('--out', out)"],
  ],
  'npm ci && npm test': [
    ['.ci/run', 'npm ci --no-audit'],
    ['.ci/run', '\nrun_part quick npm test\n'],
  ],
  'npx vitest run --project thorough test/faults': [['.ci/run', '\nrun_part thorough npm run test:all\n']],
  'INSERTLAB_WRITE_FAULTS=1 npx vitest run --project thorough test/faults': [
    ['.ci/run', '\nrun_part thorough npm run test:all\n'],
    ['test/faults/table.ts', "'INSERTLAB_WRITE_FAULTS'"],
  ],
  'npm run lab -- run insert-cost': [['test/lab/lab.thorough.ts', "startLab('run', 'insert-cost',"]],
  'npm run lab -- attach --start "npm start" --cwd ../shop --url http://127.0.0.1:3000 --path /items': [
    ['test/lab/attach/attach-start.thorough.ts', "'attach', '--start', 'npm start', '--cwd', folder"],
  ],
  "npm run lab -- attach --url http://127.0.0.1:8080 --path '/items/{random:1-500}' --database postgresql://…":
    [['test/lab/attach/attach.thorough.ts', "'--database', databaseUrl"]],
}

/** Pages of which another test runs every block. */
const pagesElsewhere: Readonly<Record<string, Where>> = {
  'docs/http-api.md': [
    'test/docs/http-api.test.ts',
    "examplesOf(readFileSync(join(repository, 'docs/http-api.md')",
  ],
}

/** Minutes each, together half an hour. What they conclude is tested, and `insert-cost` and `ping` run for real. */
const ofFindings = [
  ...['access-log', 'blocking-calls', 'connections', 'cpu-limit', 'load-generator', 'network-path'],
  ...['rows-per-request', 'ten-thousand', 'workers'],
]

/** An hour; half an hour, with packages of four languages. Other tests run parts of them. */
const tooLong: Readonly<Record<string, readonly Where[]>> = {
  ...Object.fromEntries(
    ofFindings.map(name => [
      `npm run lab -- run ${name}`,
      [['test/lab/experiments/all.test.ts', 'concludes from all samples, from some and from none']] as const,
    ]),
  ),
  'npm run lab -- --full': [
    ['test/lab/experiments/all.test.ts', 'all findings together take less than an hour'],
  ],
  'npm run lab -- run peers': [
    ['test/lab/peers/insert-peers.thorough.ts', 'every row that it answers for is in the table'],
    ['test/lab/peers/peers.thorough.ts', '$name answers as the service does'],
  ],
  'npm run lab -- run peers --only "Fastify + pg" "Fastify + Prisma"': [
    ['test/lab/peers/insert-peers.thorough.ts', "'Fastify + pg', 'Fastify + Drizzle', 'Fastify + Prisma'"],
  ],
  'npm run lab -- run peers --resume results/latest': [
    ['test/lab/run/run-experiments.test.ts', 'goes on where it was interrupted'],
  ],
}

interface Needs {
  readonly programs: readonly ('k6' | 'kubectl')[]
  readonly check: Check
}

/** CI has k6, but kubectl only by chance. */
const isHere = { k6: available('k6'), kubectl: pathOf('kubectl') !== null }

const withK6: Readonly<Record<string, Needs>> = {
  'k6 run -e BASE_URL=http://127.0.0.1:8000 loadtests/ramp.ts': {
    programs: ['k6'],
    check: async line => {
      const few = 'RATE_FROM=20 RATE_TO=60 STEPS=3 STEP_DURATION=1s MAX_VUS=50 P99_MS=5000'
      const flags = ['--quiet', '--address', '127.0.0.1:0', ...few.split(' ').map(one => `-e ${one}`)]
      const typed = `${line.replace('http://127.0.0.1:8000', serviceUrl)} ${flags.join(' ')}`
      expect(await succeeds(typed, { env: { K6_NO_USAGE_REPORT: 'true' } })).toContain('60/s')
    },
  },
  'deploy/k8s/load/bundle insert -e VUS=256 -e DURATION=5m': {
    programs: ['k6'],
    check: async line => {
      expect(await succeeds(line)).toMatch(/^insert-\d{8}-\d{6}$/m)
    },
  },
}

const withCluster: Readonly<Record<string, Needs>> = {
  ...each({ programs: ['kubectl'], check: asksForCluster }, [
    'kubectl create namespace insertlab',
    'kubectl -n insertlab create secret generic postgres-monitor --type=kubernetes.io/basic-auth --from-literal=username=monitor --from-literal=password="$(openssl rand -hex 16)"',
    'kubectl -n insertlab create secret generic postgres-service --type=kubernetes.io/basic-auth --from-literal=username=insertlab --from-literal=password="$(openssl rand -hex 16)" --from-literal=dbname=insertlab',
    'kubectl -n insertlab create secret generic postgres-app --type=kubernetes.io/basic-auth --from-literal=username=insertlab_owner --from-literal=password=… --from-literal=dbname=insertlab',
    'kubectl -n insertlab create secret generic postgres-service --type=kubernetes.io/basic-auth --from-literal=username=insertlab --from-literal=password=… --from-literal=dbname=insertlab',
    'kubectl apply --server-side -k deploy/k8s/overlays/operators',
    'kubectl apply --server-side -k deploy/k8s/overlays/gke',
    'kubectl -n insertlab wait --for=condition=complete --timeout=10m job/migrate',
    'kubectl -n insertlab get testruns --watch',
    'kubectl -n insertlab delete job migrate --ignore-not-found',
    'kubectl apply --server-side -k …',
    'kubectl -n insertlab rollout status deployment/service',
  ]),
  // After `bundle`, whose files it sends.
  ...each({ programs: ['kubectl', 'k6'], check: asksForCluster }, [
    'kubectl apply -k deploy/k8s/overlays/operators/load',
  ]),
}

/** No engine and no helm is where tests run. `compose.thorough.ts` reads the file and its profiles where the plugin is. */
const withEngine: Readonly<Record<string, Needs>> = each({ programs: [], check: namesWhatThereIs }, [
  'docker compose up --build',
  'docker compose run --rm -e VUS=128 k6 run /loadtests/insert.ts',
  'docker compose --profile peers up -d --build --wait',
  'docker build -f deploy/docker/Dockerfile -t registry.example.com/insertlab-service:0.1.0 .',
  'docker push registry.example.com/insertlab-service:0.1.0',
  'helm install kube-prometheus-stack oci://ghcr.io/prometheus-community/charts/kube-prometheus-stack --namespace monitoring --create-namespace --values deploy/k8s/components/prometheus-operator/values.yaml',
])

function each(needs: Needs, lines: readonly string[]): Record<string, Needs> {
  return Object.fromEntries(lines.map(line => [line, needs] as const))
}

/** kubectl reads its flags and its manifests before it calls the cluster, and here there is none. */
async function asksForCluster(line: string): Promise<void> {
  const config = join(folder, 'kubeconfig')
  writeFileSync(
    config,
    JSON.stringify({
      ...{ apiVersion: 'v1', kind: 'Config', 'current-context': 'none' },
      clusters: [{ name: 'none', cluster: { server: 'http://127.0.0.1:9' } }],
      users: [{ name: 'none', user: {} }],
      contexts: [{ name: 'none', context: { cluster: 'none', user: 'none' } }],
    }),
  )
  const typed = line.replace('…', 'deploy/k8s/overlays/operators')
  const { code, output } = await enter(typed, { env: { KUBECONFIG: config } })
  expect(output).toMatch(/127\.0\.0\.1:9\b.* refused/)
  expect(code).not.toBe(0)
}

/** Profile, service and scenario of the command are those of compose.yaml; the files that it names are there. */
async function namesWhatThereIs(line: string): Promise<void> {
  const { services } = parse(readFileSync(join(repository, 'compose.yaml'), 'utf8')) as {
    services: Record<string, { profiles?: string[] }>
  }
  const profiles = Object.values(services).flatMap(one => one.profiles ?? [])
  for (const [, profile] of line.matchAll(/--profile (\S+)/g)) expect(profiles).toContain(profile)
  for (const [, name, script = ''] of line.matchAll(/ (\w+) run (\/\S+)/g)) {
    expect(Object.keys(services)).toContain(name)
    expect(existsSync(join(repository, script)), script).toBe(true)
  }
  for (const [, file = ''] of line.matchAll(/ (?:-f|--values) (\S+)/g)) {
    expect(existsSync(join(repository, file)), file).toBe(true)
  }
}

const tables = [here, elsewhere, tooLong, withK6, withCluster, withEngine]
const blocks = commands.filter(({ page }) => !Object.hasOwn(pagesElsewhere, page))

/**
 * The lab reads the whole command and then refuses the address, which is one for examples in documents, before it
 * starts or sends anything.
 */
function typeForForeignAddress(line: string): Promise<Ended> {
  return enter(`${line} --url http://192.0.2.1 --no-live`)
}

describe('the tables', () => {
  test('every command of every page is in exactly one', () => {
    expect(blocks.length).toBeGreaterThan(35)
    expect(unhandled(blocks, tables)).toEqual([])
  })

  test('have no command that is on no page', () => {
    const lines = new Set(blocks.map(({ line }) => line))
    expect(tables.flatMap(table => Object.keys(table)).filter(line => !lines.has(line))).toEqual([])
    const ofPages = new Set(commands.map(({ page }) => page))
    for (const page of Object.keys(pagesElsewhere)) expect(ofPages).toContain(page)
  })

  test('name files that run the command', () => {
    const named = [elsewhere, tooLong].flatMap(table => Object.values(table).flat())
    for (const [file, says] of [...named, ...Object.values(pagesElsewhere)]) {
      expect(readFileSync(join(repository, file), 'utf8'), file).toContain(says)
    }
  })
})

test('every command is one that bash can read', async () => {
  for (const { page, line } of commands) {
    const { code, output } = await run('bash', ['-n', '-c', line])
    expect(code, `${page}: ${output}`).toBe(0)
  }
})

test('every npm script that a page names is there', () => {
  for (const { page, text } of pages) expect(unknownScripts(text, packageJson.scripts), page).toEqual([])
})

describe('run here', () => {
  for (const [line, check] of Object.entries(here)) test(line, () => check(line))
})

describe('read by the lab to its end, and run by another test or too long for one', () => {
  const ofLab = [elsewhere, tooLong].flatMap(table => Object.keys(table))
  for (const line of ofLab.filter(one => one.startsWith('npm run lab -- '))) {
    test(line, async () => {
      const { code, output } = await typeForForeignAddress(line)
      expect(output).toContain('192.0.2.1 is neither loopback nor a private address')
      expect(code).toBe(3)
    })
  }
})

describe('needs a program that may not be there', () => {
  for (const [line, { programs, check }] of Object.entries({ ...withK6, ...withCluster, ...withEngine })) {
    const missing = programs.filter(program => !isHere[program])
    const name = missing.length === 0 ? line : `${line} (skipped: there is no ${missing.join(', no ')})`
    test.skipIf(missing.length > 0)(name, () => check(line))
  }
})

describe('what would be found', () => {
  test('a command that is in no table, and one that is in two', () => {
    const page = 'README.md'
    const some: Command[] = ['npm run nothing', 'npm start', 'npm test'].map(line => ({ page, line }))
    const found = unhandled(some, [{ 'npm start': 1, 'npm test': 1 }, { 'npm test': 1 }])
    expect(found).toEqual(['README.md: npm run nothing', 'README.md: npm test'])
  })

  test('an npm script that there is not, in a block and in a sentence', () => {
    const text = '```sh\nnpm run labs -- list\n```\nThen `npm run test:all`, or `npm run test:most`.'
    expect(unknownScripts(text, packageJson.scripts)).toEqual(['labs', 'test:most'])
  })

  test('commands in blocks of any shell, without comments, prompts and output', () => {
    const text = [
      '```sh\n# before\na "b # c" \'# d\' e#f   # comment\n\ng \\\n  h\n```',
      '1. In a list:\n\n   ```bash\n   i # comment\n   ```',
      '```console\n$ j --k\noutput\n```',
      '```\nl\n```',
      '```json\n{}\n```',
    ].join('\n\n')
    expect(commandsIn('p', text).map(({ line }) => line)).toEqual([
      'a "b # c" \'# d\' e#f',
      'g h',
      'i',
      'j --k',
      'l',
    ])
  })

  test.each([
    ['npm run lab -- run ping --durations 5', "unknown option '--durations'"],
    ['npm run lab -- run pong', 'There are: ping, '],
    ['npm run lab -- run peers --only COBOL', 'no setting of peers has the value "COBOL"'],
    ['npm run lab -- attach --repeats 50', 'a whole number from 1 to 10'],
  ])('%s', async (line, says) => {
    const { code, output } = await typeForForeignAddress(line)
    expect(output).toContain(says)
    expect(code).toBe(2)
  })
})
