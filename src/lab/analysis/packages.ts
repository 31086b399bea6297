/**
 * Names the part of a Node program that a source file belongs to: an installed package, a module of Node, or a folder of the
 * program's own code. No list of packages: the names are those of the folders.
 */

/**
 * @param url of the file, relative to the service's folder (`./src/a.js`) where it is below it
 * @returns `pg`, `@nestjs/core`, `node:http`, `own code: src/routes/`, `other code`; empty for what has no file, such as
 * native functions and WebAssembly
 */
export function partOf(url: string): string {
  if (url === '' || url.startsWith('wasm:')) return ''
  if (url.startsWith('node:')) return nodeModuleOf(url)
  const installed = /.*\/node_modules\/((?:@[^/]+\/)?[^/]+)/.exec(url)?.[1]
  if (installed !== undefined) return installed
  // Two folders deep, so that the parts of `src/` are told apart.
  const own = /^(\.\/)((?:[^/]+\/){0,2})/.exec(url)
  return own === null ? 'other code' : `own code: ${own[2] || own[1]}`
}

/** Whether a layer is an installed package. The names of all other layers have a space or a colon. */
export function isPackageName(layer: string): boolean {
  return !/[\s:]/.test(layer)
}

/** Internal files by the public module that they are part of. Those of `node:internal/util` and others serve all modules. */
const internals: readonly [RegExp, string][] = [
  [/^node:_http_/, 'node:http'],
  [/^node:_stream_|^node:internal\/streams\//, 'node:stream'],
  [/^node:_tls_|^node:internal\/tls\//, 'node:tls'],
  [/^node:internal\/(?:stream_base_commons|net)$/, 'node:net'],
  [
    /^node:internal\/(?:process\/promises|process\/task_queues|per_context|bootstrap|util|errors|validators)/,
    'node: shared code',
  ],
]

function nodeModuleOf(url: string): string {
  const known = internals.find(([files]) => files.test(url))?.[1]
  if (known !== undefined) return known
  const internal = /^node:internal\/([^/]+)/.exec(url)?.[1]
  return internal === undefined ? (/^node:[^/]+/.exec(url)?.[0] ?? url) : `node:${internal}`
}

/**
 * The folder that the packages of a service are installed in, which is the folder of its own code; null where no function
 * of a package is in the profile.
 */
export function serviceFolder({ nodes }: WithFiles): string | null {
  const folders = nodes.flatMap(({ callFrame }) => /^(.*?)\/node_modules\//.exec(callFrame.url)?.[1] ?? [])
  return folders.toSorted((a, b) => a.length - b.length)[0] ?? null
}

interface WithFiles {
  readonly nodes: readonly { readonly callFrame: { readonly url: string } }[]
}

/** The profile with the files of the service relative to its folder, so that no path of the machine is kept. */
export function relativeTo<Profile extends WithFiles>(profile: Profile, folderUrl: string): Profile {
  const folder = folderUrl.replace(/\/*$/, '/')
  const path = decodeURI(folder.replace(/^file:\/\//, ''))
  const relative = (url: string) => {
    const start = [folder, path].find(one => url.startsWith(one))
    return start === undefined ? url : `./${url.slice(start.length)}`
  }
  return {
    ...profile,
    nodes: profile.nodes.map(node => ({
      ...node,
      callFrame: { ...node.callFrame, url: relative(node.callFrame.url) },
    })),
  }
}
