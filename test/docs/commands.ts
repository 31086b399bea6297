/** A command of a page, as a reader types it: one line, without its comment. */
export interface Command {
  readonly page: string
  readonly line: string
}

/** Languages of blocks that hold no command. A block without a language counts as commands, so that none hides there. */
const otherLanguages: ReadonlySet<string> = new Set(['js', 'json', 'mermaid', 'text', 'ts', 'yaml'])

/** Every command in the blocks of a page. A line that ends in a backslash and the next one are one command. */
export function commandsIn(page: string, markdown: string): Command[] {
  const blocks = markdown.matchAll(/^ *```(\w*)[^\n]*\n(.*?)^ *``` *$/gms)
  return [...blocks]
    .filter(([, language = '']) => !otherLanguages.has(language))
    .map(([, language, block = '']) => (language === 'console' ? withoutOutput(block) : block))
    .join('\n')
    .replaceAll(/\s*\\\n\s*/g, ' ')
    .split('\n')
    .map(withoutComment)
    .filter(line => line !== '')
    .map(line => ({ page, line }))
}

/** Of a terminal's text, what was typed after the prompt. */
function withoutOutput(block: string): string {
  return [...block.matchAll(/^ *\$ (.*)$/gm)].map(([, typed]) => typed).join('\n')
}

/** A `#` begins a comment at the start of a word that is not quoted. */
function withoutComment(line: string): string {
  const [command = ''] = /^(?!\s*#)(?:'[^']*'|"[^"]*"|\s+(?![\s#])|[^\s'"])*/.exec(line) ?? []
  return command.trim()
}

/** The commands that are not in exactly one of the tables, each with its page. */
export function unhandled(commands: readonly Command[], tables: readonly object[]): string[] {
  return commands
    .filter(({ line }) => tables.filter(table => Object.hasOwn(table, line)).length !== 1)
    .map(({ page, line }) => `${page}: ${line}`)
}

/** The npm scripts that a text runs, in a block or in a sentence, and that there are not. */
export function unknownScripts(text: string, scripts: object): string[] {
  const named = [...text.matchAll(/\bnpm run ([\w:-]+)/g)].map(([, name = '']) => name)
  return named.filter(name => !Object.hasOwn(scripts, name))
}
