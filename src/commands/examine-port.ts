/** Whether the node can listen where it is told to: by listening there for a moment. */
import { readdirSync, readFileSync, readlinkSync } from 'node:fs'
import type { ListeningPlace } from '../channels/channels.types.ts'

/** State of a socket that listens, in the tables of the kernel (`TCP_LISTEN`). */
const LISTENS = '0A'
const TABLES = ['/proc/net/tcp', '/proc/net/tcp6']

export type PortCheck = {
  readonly name: string
  readonly state: 'ok' | 'fail'
  readonly detail: string
  readonly mend: string | null
}

/** `servingPid`: the node of this home, which may hold the port itself; null when none serves. */
export const examinePort = ({ variable, host, port }: ListeningPlace, servingPid: number | null): PortCheck => {
  const place = `port ${port} of ${host}`
  const code = tryToListen(host, port)
  if (code === null) {
    const detail = port === 0 ? `a free port of ${host} is picked at the start` : `${place} is free`
    return { name: variable, state: 'ok', detail, mend: null }
  }
  if (code === 'EADDRINUSE' && servingPid !== null && isHeldBy(servingPid, port))
    return { name: variable, state: 'ok', detail: `${place} is held by this node`, mend: null }
  return { name: variable, state: 'fail', ...describeFault(code, { variable, host, port }) }
}

const describeFault = (code: string, { variable, host, port }: ListeningPlace) => {
  if (code === 'EADDRINUSE') {
    return {
      detail: `another program listens on port ${port} of ${host}`,
      mend: `sudo ss -ltnp 'sport = :${port}' shows which: stop it, or set ${variable} to a free port (0 picks one)`,
    }
  }
  return code === 'EACCES'
    ? { detail: `this user may not listen on port ${port}`, mend: `set ${variable} to a port above 1023` }
    : { detail: `cannot listen on ${host}: ${code}`, mend: 'set PLAITED_HOST to an address of this machine' }
}

/** null: it could. Otherwise the code of the fault. */
const tryToListen = (hostname: string, port: number): string | null => {
  try {
    Bun.listen({ hostname, port, socket: { data: () => {} } }).stop(true)
    return null
  } catch (error) {
    return error instanceof Error && 'code' in error ? String(error.code) : 'it is no address'
  }
}

/** Of a process of another user the kernel tells nothing: it has answered as the node, so the port is taken for its own. */
const isHeldBy = (pid: number, port: number): boolean => {
  try {
    const sockets = new Set(TABLES.flatMap((table) => listeningInodes(table, port)).map((inode) => `socket:[${inode}]`))
    return readdirSync(`/proc/${pid}/fd`).some((handle) => sockets.has(linkOf(`/proc/${pid}/fd/${handle}`)))
  } catch {
    return true
  }
}

const listeningInodes = (table: string, port: number): readonly string[] => {
  const suffix = `:${port.toString(16).toUpperCase().padStart(4, '0')}`
  return textOf(table)
    .split('\n')
    .map((line) => line.trim().split(/\s+/))
    .flatMap(([, local, , state, , , , , , inode]) =>
      state === LISTENS && local?.endsWith(suffix) && inode !== undefined ? [inode] : [],
    )
}

/** A kernel without IPv6 has one of the tables only. */
const textOf = (path: string): string => {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    return ''
  }
}

/** A handle may be closed meanwhile. */
const linkOf = (path: string): string => {
  try {
    return readlinkSync(path)
  } catch {
    return ''
  }
}
