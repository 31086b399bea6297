/** Markup that is safe to insert as it is. Only `html` and `trusted` make it. */
export class Html {
  readonly markup: string

  constructor(markup: string) {
    this.markup = markup
  }
}

export type Content = Html | string | number | null | readonly Content[]

/**
 * Template tag that escapes every value unless it is `Html` already. So text of a measured service (an error,
 * a label, a version) never becomes markup by mistake.
 */
export function html(strings: TemplateStringsArray, ...values: Content[]): Html {
  return new Html(String.raw({ raw: strings }, ...values.map(toMarkup)))
}

/** Markup from a source that escapes by itself (a serialised DOM, our own stylesheet). */
export function trusted(markup: string): Html {
  return new Html(markup)
}

/** What may be wider than the page: it scrolls sideways by itself, also by keyboard. */
export function scrollRegion(label: string, content: Html): Html {
  return html`<div class="scroll" role="region" tabindex="0" aria-label="${label}">${content}</div>`
}

/**
 * Text without invisible characters that a browser acts on: control characters, and direction overrides,
 * which change how a label reads.
 */
export function visible(text: string): string {
  return text.replace(/(?![\n\t])[\p{Cc}\u202a-\u202e\u2066-\u2069]/gu, '\ufffd')
}

function toMarkup(value: Content): string {
  if (value === null) return ''
  if (value instanceof Html) return value.markup
  if (typeof value === 'object') return value.map(toMarkup).join('')
  return visible(String(value)).replace(/[&<>"'`]/g, character => `&#${character.charCodeAt(0)};`)
}
