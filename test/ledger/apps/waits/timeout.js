export function wait() {
  return new Promise(resolve => setTimeout(() => resolve(1), 2))
}
