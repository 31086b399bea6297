/**
 * Lets each worker listen on the port itself (SO_REUSEPORT), so that the kernel deals out the connections
 * and not the supervisor. The contrast that `npm run lab -- run accept` measures the cluster module against;
 * preload it with `NODE_OPTIONS=--import ./deploy/peers/reuse-port/register.mjs`.
 */
import { Server } from 'node:net'

const { listen } = Server.prototype
Server.prototype.listen = function (...args) {
  const [options, ...rest] = args
  // The admin port, which only one worker has, is given as a number.
  if (typeof options !== 'object') return listen.apply(this, args)
  return listen.call(this, { ...options, reusePort: true, exclusive: true }, ...rest)
}
