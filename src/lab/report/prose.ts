const unbreakable = '\u00a0'

/**
 * A sentence for the page. The sentences of the results are written for a terminal: here they get typographic
 * signs, and a figure stays on one line with its unit.
 */
export function prose(text: string): string {
  return text
    .replace(/(?<=\d\)? )us\b/g, 'µs')
    .replace(/"([^"]*)"/g, '“$1”')
    .replace(/(?<=\d\)?) (?=(?:%|[µm]?s|req\/s|requests\/s|[GM]iB|cores?)(?![\w/]))/g, unbreakable)
}
