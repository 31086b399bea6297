import type { Dashboard } from '@grafana/grafana-foundation-sdk/dashboard'
import { cpu } from './boards/cpu.ts'
import { database } from './boards/database.ts'
import { limits } from './boards/limits.ts'
import { load } from './boards/load.ts'
import { runtime } from './boards/runtime.ts'
import { traces } from './boards/trace.ts'

/** Every dashboard, in the order of a newcomer's questions. */
export const boards: readonly Dashboard[] = [cpu, limits, database, load, runtime, traces]
