/** The whole node in a minute: a published script against a scripted model, everything else real. */
import { chmodSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { readConfig } from '../config.ts'
import { createNode } from '../node.ts'
import { createNodeLog } from '../node-log.ts'
import { NodeError } from '../utils/node-error.ts'
import { createChat, runChatLoop } from './chat-loop.ts'
import { runNodeWithChat } from './chat-node.ts'
import type { RunCommand } from './command.types.ts'

const SCRIPT: readonly string[] = [
  'write notes/hello.txt: Hello from your agent.',
  'run cat notes/hello.txt && then run echo $((6*7))',
  'write secrets/prod.env: TOKEN=1',
  'undo the last change',
  'run rm -rf /',
  'pay 20 to bob',
]

export const runDemo: RunCommand = async ({ home, io, signal }) => {
  const temporary = home === undefined ? makeTemporaryHome() : null
  const remove = () => temporary && rmSync(temporary, { recursive: true, force: true })
  process.once('exit', remove) // a reader that has seen enough (`| head`) ends the process at once
  try {
    const settings = readConfig({ home: home ?? temporary ?? undefined, model: 'scripted' })
    const log = createNodeLog(settings, { write: io.error, level: 'silent' })
    const node = await createNode({ ...settings, log })
    const { sandbox } = await node.operations.status()
    if (sandbox.mode === 'unavailable') {
      await node.close()
      throw new NodeError('SANDBOX_UNAVAILABLE', `the demo needs its sandbox: ${sandbox.reason}`, {
        hint: sandbox.mend,
      })
    }
    io.out('plaited demo. The model is a script, no AI; the rules, the sandbox, git and the journal are real.\n\n')
    await runNodeWithChat({ node, socket: settings.config.home.controlSocket, log, signal }, async (operations) => {
      const chat = createChat(operations, io, { isTerminal: false })
      for (const line of SCRIPT) {
        if (signal.aborted) return
        io.out(`you> ${line}\n`)
        await chat.turn(line)
        io.out('\n')
      }
      if (!io.isTerminal) return
      io.out(
        `Now you: try 'run ls -la', 'log', 'help'. Ctrl-D ends the demo${temporary ? ' and removes its home' : ''}.\n`,
      )
      await runChatLoop(operations, { io, signal })
    })
    return 0
  } finally {
    process.off('exit', remove)
    remove()
  }
}

/** A dropped uid must be able to walk into it; its `data` stays closed. */
const makeTemporaryHome = (): string => {
  const folder = mkdtempSync(join(tmpdir(), 'plaited-demo-'))
  chmodSync(folder, 0o755)
  return folder
}
