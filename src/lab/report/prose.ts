const unbreakable = '\u00a0'

/**
 * A sentence as a page sets it. Those of the results are written for a terminal: here they get the proper signs, and
 * a figure stays on one line with its unit.
 */
export function prose(text: string): string {
  return text
    .replace(/(?<=\d\)? )us\b/g, 'µs')
    .replace(/"([^"]*)"/g, '“$1”')
    .replace(/(?<=\d\)?) (?=(?:%|[µm]?s|req\/s|requests\/s|[GM]iB|cores?)(?![\w/]))/g, unbreakable)
}
