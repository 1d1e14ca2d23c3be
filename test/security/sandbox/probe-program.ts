/**
 * Programs that an attack runs inside: Bun with the C library's `syscall`, which is there wherever the sandbox is, unlike a
 * compiler or Python. A probe asks the kernel for one thing and answers with what the call returned. After its probes the
 * program stays, so that the host can look at it: what it really holds is read from /proc, not believed from its answers.
 */
import { readdirSync, readFileSync, readlinkSync } from 'node:fs'
import { join } from 'node:path'
import { descendants } from '../../../src/agent/sandbox/tests/sandbox-fixture.ts'
import { read } from './host-state.ts'

/**
 * `call([x64, arm64], ...)` is the system call of that number, where texts and byte arrays become pointers; `null` when the
 * architecture has no such call. `libc` holds functions of the C library that take pointers.
 */
const PRELUDE = `
import { dlopen, ptr, toArrayBuffer, CFunction } from 'bun:ffi'
import { readFileSync, readdirSync, readlinkSync, writeFileSync, renameSync, openSync, constants } from 'node:fs'
const { symbols } = dlopen('libc.so.6', { syscall: { args: Array(7).fill('i64'), returns: 'i64' } })
const kept = []
const word = (value) => {
  if (typeof value === 'string') value = Buffer.from(value + '\\0')
  if (!ArrayBuffer.isView(value)) return BigInt(value)
  kept.push(value)
  return BigInt(ptr(value))
}
const call = (numbers, ...values) => {
  const number = numbers[process.arch === 'x64' ? 0 : 1]
  if (number === null) return null
  return Number(symbols.syscall(BigInt(number), ...[...values, 0, 0, 0, 0, 0, 0].slice(0, 6).map(word)))
}
const longs = (...values) => new BigInt64Array(values.map(BigInt))
const ints = (...values) => new Int32Array(values)
// A child by clone(2) or vfork is not for JavaScript: it ends itself at once, and the answer is that there was one.
const inChild = (result) => (result === 0 ? call([60, 93], 0) : result)
`

/** The script that runs a program under a name, so that the host finds its process. */
export const programScript = (name: string, body: string): string =>
  `cat >/tmp/${name}.ts <<'END_OF_PROGRAM'\n${PRELUDE}\n${body}\nEND_OF_PROGRAM\nbun --no-install /tmp/${name}.ts`

/** The body of a program that makes the probes, leaves its answers in a file, and stays. */
export const holdBody = (answersPath: string, probes: Readonly<Record<string, string>>): string => `
const probes = {
${Object.entries(probes)
  .map(([name, code]) => `  ${JSON.stringify(name)}: () => ${code},`)
  .join('\n')}
}
const answers = {}
for (const [name, probe] of Object.entries(probes)) {
  try {
    answers[name] = probe()
  } catch (error) {
    answers[name] = String(error)
  }
}
writeFileSync('${answersPath}.part', JSON.stringify(answers))
renameSync('${answersPath}.part', '${answersPath}')
setInterval(() => {}, 1e9)`

/** A program that stayed, as the host sees it. */
export type HeldProgram = {
  /** What each probe says of itself: a call's result, null where there is no such call, or the text of what it threw. */
  readonly answers: Readonly<Record<string, number | string | null>>
  /** What each descriptor really is. */
  readonly descriptors: ReadonlyMap<number, string>
  readonly status: Readonly<Record<string, string>>
  readonly namespaces: Readonly<Record<string, string>>
  /** Those of pid 1 of the same sandbox. */
  readonly firstNamespaces: Readonly<Record<string, string>>
  readonly mounts: string
}

/** Looks at the process of that name below this one. */
export const lookAt = (name: string, answersPath: string): HeldProgram => {
  const family = descendants()
  const pid = family.find(
    (candidate) =>
      /^bun\0/.test(read(`/proc/${candidate}/cmdline`)) && read(`/proc/${candidate}/cmdline`).includes(name),
  )
  if (pid === undefined) throw new Error(`the program ${name} is not to be seen`)
  const status = fieldsOf(pid)
  return {
    answers: JSON.parse(readFileSync(answersPath, 'utf8')) as HeldProgram['answers'],
    descriptors: new Map(linksIn(`/proc/${pid}/fd`).map(([descriptor, link]) => [Number(descriptor), link])),
    status,
    namespaces: Object.fromEntries(linksIn(`/proc/${pid}/ns`)),
    firstNamespaces: Object.fromEntries(linksIn(`/proc/${firstOf(pid, family)}/ns`)),
    mounts: read(`/proc/${pid}/mountinfo`),
  }
}

/** Pid 1 of the namespace that a process is in, by its number on the host. */
const firstOf = (pid: number, family: readonly number[]): number => {
  let current = pid
  for (;;) {
    if (/\t1$/.test(fieldsOf(current)['NSpid'] ?? '')) return current
    const parent = Number(fieldsOf(current)['PPid'])
    if (!family.includes(parent)) throw new Error('the sandbox has no first process')
    current = parent
  }
}

const fieldsOf = (pid: number): Readonly<Record<string, string>> =>
  Object.fromEntries(
    read(`/proc/${pid}/status`)
      .split('\n')
      .map((line) => [line.replace(/:.*/, ''), line.replace(/^\w+:\s*/, '')]),
  )

const linksIn = (folder: string): readonly (readonly [string, string])[] =>
  readdirSync(folder).flatMap((name) => {
    try {
      return [[name, readlinkSync(join(folder, name))] as const]
    } catch {
      return [] // closed meanwhile
    }
  })

/** What a probe got, or null; throws when it was never made. */
export const probeFault = ({ answers, descriptors }: HeldProgram, name: string): string | null => {
  const answer = answers[name]
  if (answer === undefined || typeof answer === 'string') throw new Error(`the probe was not made: ${answer}`)
  if (answer === null || answer < 0) return null
  const link = descriptors.get(answer)
  return `the call answered ${answer}${link === undefined ? '' : `, which is ${link}`}`
}
