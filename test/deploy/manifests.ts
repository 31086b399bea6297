import { resolve } from 'node:path'
import { parseAllDocuments } from 'yaml'
import { available, pathOf, repository, run } from '../programs.ts'

/** What is read here of a Kubernetes object; the thorough test has the whole schemas. */
export interface Manifest {
  apiVersion: string
  kind: string
  metadata: { name: string; namespace?: string; labels?: Record<string, string> }
  data?: Record<string, string>
  spec?: unknown
}

export interface Pod {
  automountServiceAccountToken?: boolean
  terminationGracePeriodSeconds?: number
  securityContext?: PodSecurity
  initContainers?: Container[]
  containers: Container[]
}

export interface PodSecurity {
  runAsNonRoot?: boolean
  runAsUser?: number
  seccompProfile?: { type: string }
}

export interface Container {
  name: string
  image: string
  command?: string[]
  args?: string[]
  env?: { name: string; value?: string; valueFrom?: { secretKeyRef: { name: string; key: string } } }[]
  envFrom?: { configMapRef: { name: string } }[]
  securityContext?: {
    runAsUser?: number
    allowPrivilegeEscalation?: boolean
    readOnlyRootFilesystem?: boolean
    capabilities?: { drop?: string[] }
  }
  resources?: { requests?: Record<string, string>; limits?: Record<string, string> }
  readinessProbe?: object
  livenessProbe?: object
  lifecycle?: { preStop: { sleep: { seconds: number } } }
  volumeMounts?: { name: string; mountPath: string }[]
}

/** `kubectl` has kustomize built in. */
const hasKubectl = pathOf('kubectl') !== null
export const canRender = hasKubectl || available('kustomize')

/** The objects of an overlay, as `kubectl apply -k` would send them. @param folder under deploy/k8s, or anywhere. */
export async function render(folder: string): Promise<Manifest[]> {
  const [program, verb] = hasKubectl ? ['kubectl', 'kustomize'] : ['kustomize', 'build']
  const { code, stdout, output } = await run(program, [verb, resolve(repository, 'deploy/k8s', folder)])
  if (code !== 0) throw new Error(output)
  return parseAllDocuments(stdout).map(document => document.toJS() as Manifest)
}
