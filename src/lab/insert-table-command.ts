import { mkdirSync, writeFileSync } from 'node:fs'
import { join, relative } from 'node:path'
import type { Command } from 'commander'
import { LabError } from './errors.ts'
import { insertTable } from './report/insert-table.ts'
import { readResults } from './run/results-folder.ts'

/** `lab insert-table`: writes the insert table and its picture from a result of the experiment `peers`. */
export function addInsertTableCommand(lab: Command): void {
  lab
    .command('insert-table')
    .description('write insert-table.md and its picture from a result of `run peers`')
    .argument('<result>', 'a folder under results/, or its results.json')
    .option('--out <dir>', 'folder to write to', 'docs')
    .action((path: string, { out }: { out: string }) => {
      const { file, results } = readResults(path)
      const table = insertTable(results)
      if (table === null) {
        throw new LabError(
          'LAB_RESULTS_UNREADABLE',
          `${file} has no measurement of the experiment peers`,
          'Measure first: npm run lab -- run peers',
        )
      }
      mkdirSync(out, { recursive: true })
      for (const [name, content] of [
        ['insert-table.md', table.markdown],
        ['insert-table.svg', table.svg],
      ] as const) {
        writeFileSync(join(out, name), content)
        console.log(relative('.', join(out, name)))
      }
    })
}
