import { describe, expect, test } from 'bun:test'
import { describeLimits, parseSandboxLimits, SANDBOX_LIMITS, showLimit } from '../sandbox-limits.ts'

const MIB = 1024 * 1024

/** Every limit's name, and how its default is written. */
const shown = describeLimits(SANDBOX_LIMITS)
  .split('\n')
  .map((line) => line.split(/\s+/))
  .map(([name = '', value = '']) => ({ name, value }))

const faultsOf = (text: string): readonly string[] => {
  const parsed = parseSandboxLimits(text)
  return parsed.ok ? [] : parsed.faults
}

describe('limits as the owner writes them', () => {
  test('change what they name, in their units, and nothing else', () => {
    expect(parseSandboxLimits('wall=5m, memory=3GiB,cpu=90s,processes=64,,open-files=128')).toEqual({
      ok: true,
      limits: {
        ...SANDBOX_LIMITS,
        wallMsMax: 300_000,
        treeBytesMax: 3072 * MIB,
        cpuSecondsMax: 90,
        processesMax: 64,
        openFilesMax: 128,
      },
    })
    expect(parseSandboxLimits('')).toEqual({ ok: true, limits: SANDBOX_LIMITS })
  })

  test('every limit is read back as it is shown, and each sets a field of its own', () => {
    expect(shown.length).toBe(Object.keys(SANDBOX_LIMITS).length)
    expect(Object.values(SANDBOX_LIMITS).every((limit) => Number.isSafeInteger(limit) && limit > 0)).toBe(true)
    for (const { name, value } of shown) expect(parseSandboxLimits(`${name}=${value}`).ok).toBe(true)
    const all = shown.map(({ name, value }) => `${name}=${value}`).join(',')
    expect(parseSandboxLimits(all)).toEqual({ ok: true, limits: SANDBOX_LIMITS })
  })

  test.each(shown.map(({ name }) => name))('%s cannot be switched off', (name) => {
    for (const value of ['0', '-1', '', 'unlimited', 'Infinity', '1e9', '0x10', '999999999999999'])
      expect(faultsOf(`${name}=${value}`)[0]).toContain(`${name}=`)
  })

  test('each fault names the limit, the reason and the mend, and all are told at once', () => {
    expect(faultsOf('memroy=1GiB,processes=4,wall=2h,memory=3,file=9xB,cpu,cpu=1s,cpu=2s')).toEqual([
      expect.stringMatching(/^"memroy" is no limit: write name=value with one of wall, cpu, .*free-memory$/),
      'processes=4 is too little: write processes=48 or more',
      'wall=2h is too much: write wall=10m or less',
      'memory=3 is too little: write memory=64MiB or more',
      'file=9xB has no value that can be read: write it like file=512MiB',
      'cpu= has no value that can be read: write it like cpu=1m',
      'cpu is set twice: keep one',
    ])
    expect(faultsOf('toString=1')[0]).toContain('is no limit')
  })

  test('are shown in the largest whole unit', () => {
    expect(showLimit(1536 * MIB, 'bytes')).toBe('1536MiB')
    expect(showLimit(61, 'seconds')).toBe('61s')
    expect(showLimit(600_000, 'milliseconds')).toBe('10m')
    expect(showLimit(1001, 'bytes')).toBe('1001B')
  })
})
