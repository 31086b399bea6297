import { insideSentence } from '../analysis/inside.ts'
import type { Sample } from '../results.ts'
import { formatFigure, formatFigureFixed, ledgerEntries, scaleFigure } from './format.ts'
import { type Html, html } from './html.ts'
import { prose } from './prose.ts'

/**
 * What the ledger of a service says: CPU per request by route, and the CPU that belongs to no request. Of the sample with a
 * profile, otherwise of the diagnosed one. null where there is no ledger.
 */
export function insideSection(samples: readonly Sample[], diagnosed: Sample | null): Html | null {
  const profiled = samples.find(({ layersUs, routes }) => layersUs !== undefined && routes !== undefined)
  const sample = profiled ?? diagnosed
  const sentence = sample === null ? null : insideSentence(sample)
  if (sample === null || sentence === null) return null
  const buckets = Object.entries(sample.ledgerUs ?? {}).filter(
    ([name, { high }]) => name !== 'request' && high > 0,
  )
  return html`
    <h3>Inside the service</h3>
    <p>${prose(sentence)}</p>
    <div class="scroll" role="region" tabindex="0" aria-label="CPU by route">
      <table class="figures">
        <caption>CPU by route with “${sample.label}” <span>median, below it the lowest and highest repeat</span></caption>
        <thead><tr><th scope="col">Route</th><th scope="col">Requests <span>%</span></th>
          <th scope="col">CPU per request <span>µs</span></th></tr></thead>
        <tbody>
          ${(sample.routes ?? []).map(
            ({ route, share, cpuUs }) =>
              html`<tr><th scope="row">${nameOf(route)}</th>${cell(formatFigureFixed(scaleFigure(share, 100), 1))}${cell(formatFigure(cpuUs))}</tr>`,
          )}
          ${buckets.map(
            ([name, figure]) =>
              html`<tr><th scope="row">no request: ${ledgerEntries.get(name) ?? name}</th>${none}${cell(formatFigure(figure))}</tr>`,
          )}
        </tbody>
      </table>
    </div>`
}

function nameOf(route: string): string {
  return route.includes(' ') ? route : `${route}, route unknown`
}

const none = html`<td class="missing">–</td>`

function cell({ median, range }: ReturnType<typeof formatFigure>): Html {
  return html`<td>${median} <small>${range ?? 'one run'}</small></td>`
}
