import { execFileSync } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { expect, test } from 'vitest'
import { repository } from '../programs.ts'

const pages = execFileSync('git', ['ls-files', '*.md'], { cwd: repository, encoding: 'utf8' })
  .trim()
  .split('\n')

/** Targets of the links and pictures of a page, without those of the web and those within the page. */
function targetsOf(page: string): string[] {
  const links = readFileSync(join(repository, page), 'utf8').matchAll(/\]\(([^)\s]+)\)/g)
  return [...links]
    .map(([, target = '']) => target.replace(/#.*$/, ''))
    .filter(target => target !== '' && !/^[a-z]+:/.test(target))
}

test('every link of every page leads to a file', () => {
  expect(pages).toContain('README.md')
  const broken = pages.flatMap(page =>
    targetsOf(page)
      .filter(target => !existsSync(join(repository, dirname(page), target)))
      .map(target => `${page}: ${target}`),
  )
  expect(broken).toEqual([])
})
