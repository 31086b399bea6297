import cluster from 'node:cluster'

if (cluster.isPrimary) {
  for (let i = 0; i < 2; i++) cluster.fork()
  process.on('SIGTERM', () => cluster.disconnect(() => process.exit()))
} else {
  await import('./http.js')
}
