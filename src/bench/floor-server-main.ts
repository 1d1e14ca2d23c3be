/** The least that a node is: a process that opens the state, which exists, and serves /health. Its arguments are the file and the port. */
import { openState } from '../agent/persistence.ts'

const state = openState(String(process.argv[2]))
const server = Bun.serve({
  hostname: '127.0.0.1',
  port: Number(process.argv[3]),
  routes: { '/health': () => Response.json({ ok: state.database.filename !== '' }) },
})
process.stdout.write(`${JSON.stringify({ url: server.url.href })}\n`)
