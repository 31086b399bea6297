import { expect, test } from 'vitest'
import { parseCgroupPath, parseThrottledUs } from '../../../src/lab/probes/cgroup.ts'
import { parsePressure, pressureBetween, readPressure } from '../../../src/lab/probes/pressure.ts'

// Recorded on Linux 6.18.
const file = `some avg10=16.46 avg60=7.43 avg300=13.51 total=99013043
full avg10=0.48 avg60=0.30 avg300=0.36 total=4218638
`

test('pressure: the time in which some process waited, and nothing where the kernel does not say', () => {
  expect(parsePressure(file)).toBe(99_013_043)
  expect(parsePressure('full avg10=0.00 total=1\n')).toBeNull()
  expect(parsePressure(null)).toBeNull()
})

test('pressure: shares of a window, each resource by itself', () => {
  const before = { cpu: 1_000_000, io: 500_000, memory: null }
  const after = { cpu: 2_000_000, io: 500_000, memory: 7 }
  expect(pressureBetween(before, after, 4)).toEqual({ cpu: 0.25, io: 0, memory: null })
})

test('pressure: a process that is gone is no reason to fail', () => {
  const { cpu } = readPressure(2 ** 22 + 1)
  expect(cpu === null || cpu >= 0).toBe(true)
})

// Recorded in a container with a quota.
const cpuStat = `usage_usec 73920128
user_usec 51036112
system_usec 22884016
nr_periods 812
nr_throttled 341
throttled_usec 19802345
`

test('cgroup: throttled time, and none where the controller does not count it', () => {
  expect(parseThrottledUs(cpuStat)).toBe(19_802_345)
  expect(parseThrottledUs('usage_usec 7\nuser_usec 4\nsystem_usec 3\n')).toBeNull()
  expect(parseThrottledUs(null)).toBeNull()
})

test('cgroup: the path of version 2, also beside version 1', () => {
  expect(parseCgroupPath('4:memory:/old\n0::/system.slice/docker-1.scope\n')).toBe(
    '/system.slice/docker-1.scope',
  )
  expect(parseCgroupPath('0::/\n')).toBe('')
  expect(parseCgroupPath('4:memory:/old\n')).toBeNull()
  expect(parseCgroupPath(null)).toBeNull()
})
