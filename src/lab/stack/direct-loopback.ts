const loopback = ['127.0.0.1', 'localhost', '::1']

/**
 * Lets calls to this machine go there directly. With `NODE_USE_ENV_PROXY=1`, Node sends them through the proxy that
 * `HTTP_PROXY` names, which cannot know our services. Call it before the first request.
 */
export function callLoopbackDirectly(): void {
  const given = process.env['no_proxy'] ?? process.env['NO_PROXY'] ?? ''
  const exceptions = [given, ...loopback].filter(one => one !== '').join(',')
  for (const name of ['no_proxy', 'NO_PROXY']) process.env[name] = exceptions
}
