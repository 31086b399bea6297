import { readFileSync } from 'node:fs'
import { type Html, html, trusted } from './html.ts'

export const stylesheet = readFileSync(new URL('report.css', import.meta.url), 'utf8')

export interface Document {
  readonly title: string
  /** What the page may load or run, as directives of a Content-Security-Policy. */
  readonly allows?: string
  readonly styles: string
  readonly head?: Html
  readonly body: Html
}

/**
 * A whole page, self-contained, in light and dark. Its policy forbids everything that `allows` does not name,
 * so text of a hostile service stays harmless even if the escaping failed.
 */
export function htmlDocument({ title, allows, styles, head, body }: Document): Html {
  const policy = [
    "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'",
    ...(allows === undefined ? [] : [allows]),
  ]
  return html`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta http-equiv="Content-Security-Policy" content="${policy.join('; ')}">
<title id="title">${title}</title>
<style>
${trusted(styles)}</style>
${head ?? null}</head>
<body>
${body}
</body>
</html>
`
}

/** Works without script: the stylesheet reads the chosen radio button through `:has()`. */
export function masthead(note: Html): Html {
  return html`<header class="masthead">
  <p class="brand">insertlab ${note}</p>
  <fieldset class="theme">
    <legend>Theme</legend>
    <label><input type="radio" name="theme" value="system" checked>system</label>
    <label><input type="radio" name="theme" value="light">light</label>
    <label><input type="radio" name="theme" value="dark">dark</label>
  </fieldset>
</header>`
}
