import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { runLab } from '../../helpers/lab-command.ts'
import { results, samples } from './known-costs.ts'

let folder = ''
let measured = ''
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'insertlab-plan-'))
  measured = join(folder, 'results.json')
  writeFileSync(measured, JSON.stringify(results(samples)))
})
afterAll(() => rmSync(folder, { recursive: true }))

const plan = (...args: string[]) => runLab(['plan', ...args])

test('prints the plan as JSON, and writes it as an overlay, over no one else’s', async () => {
  const mine = join(folder, 'mine')
  const arguments_ = ['--rate', '50000', '--p99', '0.1s', '--from', measured, '--json', '--write', mine]
  const { status, stdout, stderr } = await plan(...arguments_)
  expect(status, stderr).toBe(0)
  expect(JSON.parse(stdout)).toMatchObject({ objective: { ratePerS: 50_000, rowsPerRequest: 1, p99Ms: 100 } })
  expect(stderr).toContain(`kubectl apply --server-side -k ${mine}`)
  const overlay = join(mine, 'kustomization.yaml')
  const [, base = ''] = /^resources: \[(.*)\]$/m.exec(readFileSync(overlay, 'utf8')) ?? []
  expect(existsSync(join(mine, base, 'kustomization.yaml'))).toBe(true)

  writeFileSync(overlay, '# Somebody else wrote this.')
  const refused = await plan(...arguments_)
  expect(refused).toMatchObject({ status: 2, stderr: expect.stringContaining('was not written by a plan') })
})

test.each([
  [['--rate', '1000', '--from', '/nowhere'], /cannot be read/],
  [['--rate', 'many', '--from', '/nowhere'], /a number above 0/],
  [['--rate', '1000', '--p99', '5 parsecs'], /a time such as 50ms/],
  [[], /--rate/],
])('refuses %j', async (args, says) => {
  const { status, stderr } = await plan(...args)
  expect(status).toBe(2)
  expect(stderr).toMatch(says)
})

test('says in one line which measurement is missing, and what to run', async () => {
  const poor = join(folder, 'poor.json')
  writeFileSync(poor, JSON.stringify(results([])))
  const { status, stderr } = await plan('--rate', '1000', '--from', poor)
  expect(status).toBe(2)
  expect(stderr).toMatch(/poor\.json does not hold what a plan needs: batched inserts.*\n.*run capacity/)
})
