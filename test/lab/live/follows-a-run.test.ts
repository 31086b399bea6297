import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { expect, test } from 'vitest'
import { startStandIn } from '../run/stand-in-bed.ts'

test('a run prints its address, sends what it measures, and the path of its report, also when interrupted', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'insertlab-live-'))
  const service = await startStandIn()
  const lab = spawn(
    process.execPath,
    [
      ...['src/lab/cli.ts', 'run', 'ping', '--url', service.url, '--generator', 'undici'],
      ...['--duration', '1', '--repeats', '1', '--out', folder],
    ],
    { stdio: ['ignore', 'pipe', 'inherit'] },
  )
  const closed = once(lab, 'close')
  try {
    const seen = { parts: {} as Record<string, string>, rates: new Set<string>() }
    for await (const parts of messagesOf(await addressOf(lab.stdout))) {
      Object.assign(seen.parts, parts)
      const rate = /<output>(\d[\d,.]*)<\/output>/.exec(seen.parts['now'] ?? '')?.[1]
      if (rate !== undefined) seen.rates.add(rate)
      if (seen.parts['part-ping']?.includes('data-plot=') && !lab.killed) lab.kill('SIGINT')
    }
    expect(seen.rates.size).toBeGreaterThan(0)
    expect(seen.parts['moment']).toContain('class="sentence"')
    expect(seen.parts['now']).toContain('Interrupted')
    const [, report = ''] = /<code>([^<]*)<\/code>/.exec(seen.parts['now'] ?? '') ?? []
    expect(existsSync(report)).toBe(true)
    expect(await closed).toEqual([130, null])
  } finally {
    lab.kill()
    await closed
    await service.process.end()
    rmSync(folder, { recursive: true, force: true })
  }
})

async function addressOf(output: NodeJS.ReadableStream): Promise<string> {
  for await (const line of createInterface({ input: output })) {
    const [, address] = /^live: (\S+)$/.exec(line) ?? []
    if (address !== undefined) {
      output.resume()
      return address
    }
  }
  throw new Error('the lab ended without an address')
}

/** The messages up to the stream's end, as a browser gets them. */
async function* messagesOf(address: string): AsyncGenerator<Record<string, string>> {
  const { body } = await fetch(new URL('changes', address))
  let read = ''
  for await (const chunk of (body ?? new ReadableStream()).pipeThrough(new TextDecoderStream())) {
    read += chunk
    const messages = read.split('\n\n')
    read = messages.pop() ?? ''
    for (const message of messages) {
      const [, data] = /^data: (\{.*\})$/.exec(message) ?? []
      if (data !== undefined) yield JSON.parse(data) as Record<string, string>
    }
  }
}
