import { globSync } from 'node:fs'
import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { homedir } from 'node:os'
import { dirname, join } from 'node:path'
import { parse } from 'yaml'
import { run } from '../programs.ts'

/**
 * JSON schemas of all that deploy/k8s uses, for kubeconform, which would download them from where CI cannot
 * reach. They come through the package registries' own clients:
 *
 *   Kubernetes itself                  the Python package kubernetes-validate, which ships the API's schemas
 *   prometheus-operator, KEDA          the CRDs in their Go modules
 *   CloudNativePG, k6-operator         the crates kcr_*, Rust types that kopium generates from the CRDs
 */
const kubernetesValidate = 'kubernetes-validate==1.37.0'
/** The newest and an old one that is still run. */
export const kubernetesVersions = ['1.37.0', '1.33.0'] as const
const goModules = [
  {
    module: 'github.com/prometheus-operator/prometheus-operator@v0.85.0',
    crds: 'example/prometheus-operator-crd',
  },
  { module: 'github.com/kedacore/keda/v2@v2.21.0', crds: 'config/crd/bases' },
]
const crates = ['kcr_postgresql_cnpg_io@3.20260607.103612', 'kcr_k6_io@3.20260530.124422']

export type Schema = { [key: string]: unknown }

/** Fills an empty folder: `<version>/` for Kubernetes, `<group>/<kind>_<version>.json` for the rest. */
export async function collectSchemas(folder: string): Promise<void> {
  await Promise.all([
    collectKubernetes(folder),
    ...goModules.map(each => collectCrds(folder, each)),
    ...crates.map(crate => collectCrate(folder, crate)),
  ])
}

async function collectKubernetes(folder: string): Promise<void> {
  await client('pip', ['download', '--quiet', '--no-deps', '--dest', folder, kubernetesValidate])
  const [wheel = ''] = globSync('kubernetes_validate-*.whl', { cwd: folder })
  await client('python3', ['-c', unpackSchemas, join(folder, wheel), folder, ...kubernetesVersions])
}

/** The schemas refer to each other by a URL that nothing answers at; here they lie side by side. */
const unpackSchemas = `
import json, pathlib, sys, zipfile
wheel, folder, *versions = sys.argv[1:]
with zipfile.ZipFile(wheel) as packed:
    for version in versions:
        target = pathlib.Path(folder, version)
        target.mkdir()
        for name in packed.namelist():
            path = pathlib.Path(name)
            if path.parent.name != f'v{version}-local-strict': continue
            schema = json.loads(packed.read(name).replace(b'"/api/_definitions.json', b'"_definitions.json'))
            schema.pop('$id', None)
            (target / path.name).write_text(json.dumps(schema))
`

interface CustomResourceDefinition {
  spec: {
    group: string
    names: { kind: string }
    versions: { name: string; schema: { openAPIV3Schema: Schema } }[]
  }
}

async function collectCrds(folder: string, { module, crds }: (typeof goModules)[number]): Promise<void> {
  const { Dir } = JSON.parse(await client('go', ['mod', 'download', '-json', module])) as { Dir: string }
  for (const file of globSync(join(Dir, crds, '*.yaml'))) {
    const { spec } = parse(await readFile(file, 'utf8')) as CustomResourceDefinition
    for (const { name, schema } of spec.versions) {
      await save(
        folder,
        { group: spec.group, version: name, kind: spec.names.kind },
        strict(schema.openAPIV3Schema),
      )
    }
  }
}

async function collectCrate(folder: string, crate: string): Promise<void> {
  // Fetches and unpacks it, and nothing of what it depends on.
  await client('cargo', ['info', '--quiet', crate])
  const home = process.env['CARGO_HOME'] ?? join(homedir(), '.cargo')
  for (const file of globSync(join(home, 'registry/src/*', crate.replace('@', '-'), 'src/*/*.rs'))) {
    const converted = schemaOfRust(await readFile(file, 'utf8'))
    if (converted !== null) await save(folder, converted.resource, converted.schema)
  }
}

interface Resource {
  group: string
  version: string
  kind: string
}

async function save(folder: string, { group, version, kind }: Resource, schema: Schema): Promise<void> {
  const file = join(folder, group, `${kind.toLowerCase()}_${version}.json`)
  await mkdir(dirname(file), { recursive: true })
  await writeFile(file, JSON.stringify(schema))
}

/** A CRD's schema as JSON Schema that knows every field: what is not listed is a typing error. */
export function strict(schema: Schema): Schema {
  const of = (value: unknown): unknown => {
    if (Array.isArray(value)) return value.map(of)
    return value !== null && typeof value === 'object' ? strict(value as Schema) : value
  }
  const { properties, ...rest } = Object.fromEntries(
    Object.entries(schema).map(([key, value]) => [key, of(value)]),
  )
  if (rest['x-kubernetes-int-or-string'] === true) return { type: ['integer', 'string'] }
  if (properties === undefined) return rest
  const isOpen = 'additionalProperties' in rest || rest['x-kubernetes-preserve-unknown-fields'] === true
  return { ...rest, properties, ...(!isOpen && { additionalProperties: false }) }
}

/**
 * The schema of a resource from the Rust that kopium writes, which is regular: structs, enums of names, and
 * a few generic types. null: the file holds no resource.
 */
export function schemaOfRust(source: string): { resource: Resource; schema: Schema } | null {
  const [, group, version, kind] =
    /#\[kube\(group = "([^"]+)", version = "([^"]+)", kind = "([^"]+)"/.exec(source) ?? []
  if (group === undefined || version === undefined || kind === undefined) return null
  const types = [...source.matchAll(/^pub (struct|enum) (\w+) \{\n([\s\S]*?)^\}/gm)]
  const definitions = Object.fromEntries(
    types.map(([, form, name = '', body = '']) => [name, form === 'enum' ? enumOf(body) : structOf(body)]),
  )
  const text = { type: 'string' }
  const object = { type: 'object' }
  return {
    resource: { group, version, kind },
    schema: {
      type: 'object',
      required: ['apiVersion', 'kind', 'metadata', 'spec'],
      properties: {
        apiVersion: text,
        kind: text,
        metadata: object,
        spec: typeOf(`${kind}Spec`),
        status: object,
      },
      additionalProperties: false,
      definitions,
    },
  }
}

const renamed = /rename = "([^"]+)"/

function structOf(body: string): Schema {
  const fields = [...body.matchAll(/(#\[serde\([^\n]*\)\]\n\s*)?pub (?:r#)?(\w+): (.+),$/gm)].map(
    ([, serde = '', name = '', type = '']) => ({ name: renamed.exec(serde)?.[1] ?? name, type }),
  )
  const required = fields.filter(({ type }) => !type.startsWith('Option<')).map(({ name }) => name)
  return {
    type: 'object',
    ...(required.length > 0 && { required }),
    properties: Object.fromEntries(fields.map(({ name, type }) => [name, typeOf(type)])),
    additionalProperties: false,
  }
}

function enumOf(body: string): Schema {
  const variants = [...body.matchAll(/(#\[serde\([^\n]*\)\]\n\s*)?(\w+),$/gm)]
  return { enum: variants.map(([, serde = '', name]) => renamed.exec(serde)?.[1] ?? name) }
}

const plainTypes: Record<string, Schema> = {
  String: { type: 'string' },
  bool: { type: 'boolean' },
  i32: { type: 'integer' },
  i64: { type: 'integer' },
  f64: { type: 'number' },
  IntOrString: { type: ['integer', 'string'] },
  Condition: { type: 'object' },
  'serde_json::Value': {},
}

function typeOf(type: string): Schema {
  const [, generic, inner = ''] = /^(Option|Vec|BTreeMap)<(?:String, )?(.+)>$/.exec(type) ?? []
  if (generic === 'Option') return typeOf(inner)
  if (generic === 'Vec') return { type: 'array', items: typeOf(inner) }
  if (generic === 'BTreeMap') return { type: 'object', additionalProperties: typeOf(inner) }
  return plainTypes[type] ?? { $ref: `#/definitions/${type}` }
}

async function client(program: string, args: readonly string[]): Promise<string> {
  const { code, stdout, output } = await run(program, args)
  if (code !== 0) throw new Error(`${program} ${args.join(' ')}: ${output}`)
  return stdout
}
