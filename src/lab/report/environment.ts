import type { Manifest } from '../results.ts'
import { figureInText, formatNumber, formatSetting, notMeasured } from './format.ts'
import { type Html, html } from './html.ts'
import { prose } from './prose.ts'

/** What the reader must know before using these figures elsewhere; null where there is nothing. */
export function caveatList({ warnings }: Manifest): Html | null {
  if (warnings.length === 0) return null
  return html`<aside class="caveats" aria-label="How to read these figures">
    <h2>How to read these figures</h2>
    <ul>${warnings.map(warning => html`<li>${prose(warning)}</li>`)}</ul>
  </aside>`
}

/** What ran where: the manifest as a table. */
export function environmentSection(manifest: Manifest): Html {
  const { insertlab, commit, cores, sharedCores, memoryGiB, cgroupQuotaCores, stealRatio } = manifest
  const rows: [string, string][] = [
    ['insertlab', commit === null ? insertlab : `${insertlab}, commit ${commit}`],
    ['Node.js', manifest.node],
    ['PostgreSQL', manifest.postgres],
    ['Load generator', manifest.generator],
    ['Platform', manifest.platform],
    ['Kernel', manifest.kernel],
    ['CPU', manifest.cpuModel],
    ['Cores', `${cores}${sharedCores ? ', shared by service and load generator' : ''}`],
    ['Memory', `${formatNumber(memoryGiB)} GiB`],
    ['cgroup CPU quota', cgroupQuotaCores === null ? 'none' : `${formatSetting(cgroupQuotaCores)} cores`],
    // The same work on every machine, so it compares two machines.
    [
      'Time of a fixed piece of work between the loads',
      manifest.fixedWorkUs ? figureInText(manifest.fixedWorkUs, 'µs of CPU') : notMeasured,
    ],
    [
      'CPU time stolen by the hypervisor',
      stealRatio === null ? 'the kernel does not say' : `${formatNumber(stealRatio * 100, 2)} %`,
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
