import { insideSentence } from '../analysis/inside.ts'
import type { Sample } from '../results.ts'
import { scaleFigure } from './format.ts'
import { type Html, html } from './html.ts'
import { prose } from './prose.ts'
import { figureCell, spreadBelow, table } from './table.ts'
import { ledgerTable } from './tables.ts'

/**
 * What the ledger of a service says: CPU per request by route, and the CPU that belongs to no request. The routes are of the
 * sample with a profile, otherwise of the diagnosed one. null where there is no ledger.
 */
export function insideSection(samples: readonly Sample[], diagnosed: Sample | null): Html | null {
  const profiled = samples.find(({ layersUs, routes }) => layersUs !== undefined && routes !== undefined)
  const sample = profiled ?? diagnosed
  const sentence = sample === null ? null : insideSentence(sample)
  const ledger = ledgerTable(samples)
  if (sample === null || (sentence === null && ledger === null)) return null
  return html`
    <h3>Inside the service</h3>
    ${sentence === null ? null : html`<p>${prose(sentence)}</p>${routesTable(sample)}`}
    ${ledger}`
}

function routesTable({ label, routes = [] }: Sample): Html {
  return table({
    caption: `CPU by route with “${label}”`,
    note: spreadBelow,
    kind: 'figures',
    columns: [['Route'], ['Requests', '%'], ['CPU per request', 'µs']],
    rows: routes.map(({ route, share, cpuUs }) => [
      route.includes(' ') ? route : `${route}, route unknown`,
      figureCell(scaleFigure(share, 100), 1),
      figureCell(cpuUs),
    ]),
  })
}
