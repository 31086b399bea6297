/** Preloaded into a service: SIGUSR2 makes it fail as a bug would, with an error that nobody catches. */
process.once('SIGUSR2', () => {
  throw new Error('crash on signal')
})
