/**
 * The identifiers that grafana/provisioning gives the data sources. Fixed, so that panels, links and exemplars find
 * them on every machine; a test compares them with the provisioning file.
 */
export const dataSources = {
  prometheus: { type: 'prometheus', uid: 'insertlab-prometheus' },
  tempo: { type: 'tempo', uid: 'insertlab-tempo' },
  pyroscope: { type: 'grafana-pyroscope-datasource', uid: 'insertlab-pyroscope' },
} as const

/** Seconds between two scrapes. Prometheus, Grafana's `timeInterval` and k6's push interval all have this value. */
export const scrapeIntervalS = 5
