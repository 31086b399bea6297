import type { Manifest } from '../results.ts'
import { figureInText, formatNumber, formatSetting, notMeasured } from './format.ts'
import { type Html, html } from './html.ts'
import { prose } from './prose.ts'

/**
 * What the reader must know before using these figures elsewhere; empty where there is nothing. The warnings
 * of the run come first. Shared cores are added if no warning mentions them.
 */
export function caveats({ warnings, sharedCores, cores }: Manifest): string[] {
  if (!sharedCores || warnings.some(warning => warning.includes('lower bound'))) return warnings
  return [
    `The service, the load generator and whatever else ran there shared ${cores} cores: every throughput here is a lower bound.`,
    ...warnings,
  ]
}

/** The caveats as the page shows them; null where there are none. */
export function caveatList(manifest: Manifest): Html | null {
  const statements = caveats(manifest)
  if (statements.length === 0) return null
  return html`<aside class="caveats" aria-label="How to read these figures">
    <h2>How to read these figures</h2>
    <ul>${statements.map(statement => html`<li>${prose(statement)}</li>`)}</ul>
  </aside>`
}

/** CPU of a fixed piece of work during the run. It is the same work on every machine, so it compares two machines. */
function speedInWords({ fixedWorkUs }: Manifest): string {
  return fixedWorkUs ? figureInText(fixedWorkUs, 'µs of CPU') : notMeasured
}

/** What ran where: the manifest as a table. */
export function environmentSection(manifest: Manifest): Html {
  const rows: [string, string][] = [
    [
      'insertlab',
      manifest.commit === null ? manifest.insertlab : `${manifest.insertlab}, commit ${manifest.commit}`,
    ],
    ['Node.js', manifest.node],
    ['PostgreSQL', manifest.postgres],
    ['Load generator', manifest.generator],
    ['Platform', manifest.platform],
    ['Kernel', manifest.kernel],
    ['CPU', manifest.cpuModel],
    ['Cores', `${manifest.cores}${manifest.sharedCores ? ', shared by service and load generator' : ''}`],
    ['Memory', `${formatNumber(manifest.memoryGiB)} GiB`],
    [
      'cgroup CPU quota',
      manifest.cgroupQuotaCores === null ? 'none' : `${formatSetting(manifest.cgroupQuotaCores)} cores`,
    ],
    ['Time of a fixed piece of work between the loads', speedInWords(manifest)],
    [
      'CPU time stolen by the hypervisor',
      manifest.stealRatio === null
        ? 'the kernel does not say'
        : `${formatNumber(manifest.stealRatio * 100, 2)} %`,
    ],
  ]
  return html`<section class="environment" id="environment" aria-labelledby="environment-title">
    <h2 id="environment-title">Where this was measured</h2>
    <p>Ratios between settings carry over to other machines; absolute figures do not.</p>
    <table class="facts">
      <caption>Environment of the run</caption>
      <tbody>${rows.map(([name, value]) => html`<tr><th scope="row">${name}</th><td>${value}</td></tr>`)}</tbody>
    </table>
  </section>`
}
