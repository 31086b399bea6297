/** Runs until this thread has used `us` of CPU. */
export function burnCpuUs(us) {
  const startUs = threadCpuUs()
  while (threadCpuUs() - startUs < us);
}

/** Reading the process's CPU first makes the kernel refresh the thread's. Node before 23.9 has only the first. */
function threadCpuUs() {
  const process_ = process.cpuUsage()
  const { user, system } = process.threadCpuUsage?.() ?? process_
  return user + system
}

/** By the status the tests tell the requests in which CPU was injected. All others burn 100 us or nothing. */
export function statusFor(us) {
  return us > 100 ? 202 : 200
}
