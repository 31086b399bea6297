const escapes: Readonly<Record<string, string>> = { '\\': '\\\\', '\n': '\\n', '\r': '\\r', '\t': '\\t' }

/** One value in the text format of COPY. */
export function escapeCopyText(text: string): string {
  return text.replace(/[\\\n\r\t]/g, character => escapes[character] ?? character)
}
