import type { Dashboard, Panel, RowPanel } from '@grafana/grafana-foundation-sdk/dashboard'

export interface Target {
  refId: string
  expr?: string
  query?: string
  labelSelector?: string
  legendFormat?: string
  instant?: boolean
  datasource: { uid: string }
}

/** A heading of a dashboard, with the panels that stand below it or are folded into it. */
export interface Section {
  heading: RowPanel
  panels: Panel[]
}

const isRow = (panel: Panel | RowPanel): panel is RowPanel => panel.type === 'row'

export function sectionsOf(dashboard: Dashboard): Section[] {
  const sections: Section[] = []
  for (const panel of dashboard.panels ?? []) {
    if (isRow(panel)) sections.push({ heading: panel, panels: [...panel.panels] })
    else sections.at(-1)?.panels.push(panel)
  }
  return sections
}

/** Every panel that shows something, those of collapsed rows too. */
export function panelsOf(dashboard: Dashboard): Panel[] {
  return sectionsOf(dashboard).flatMap(({ panels }) => panels)
}

export function targetsOf(panel: Panel): Target[] {
  return (panel.targets ?? []) as unknown as Target[]
}
