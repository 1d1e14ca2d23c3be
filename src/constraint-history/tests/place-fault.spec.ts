import { expect, test } from 'bun:test'
import { chmodSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { auditHistoryNow } from '../audit-history.ts'
import { placeFaultOf } from '../place-fault.ts'

/** Root may read everything, unless it gives that up. */
const UNPRIVILEGED = process.getuid?.() === 0 ? ['setpriv', '--bounding-set=-all', '--inh-caps=-all', '--'] : []
const AUDIT = Bun.fileURLToPath(import.meta.resolve('../audit-history.ts'))

const auditUnprivileged = (folder: string): { readonly faults: unknown } => {
  const script = `import { auditHistoryNow } from ${JSON.stringify(AUDIT)}
console.log(JSON.stringify(auditHistoryNow({ folder: ${JSON.stringify(folder)}, anchor: null })))`
  const { stdout, stderr } = Bun.spawnSync([...UNPRIVILEGED, process.execPath, '--no-install', '-e', script])
  if (stderr.length > 0) throw new Error(`${stderr}`)
  return JSON.parse(`${stdout}`)
}

test.each(['', '.git', '.git/refs', '.git/objects'])(
  'a folder that cannot be read is named with the command that opens it: constraints/%s',
  (part) => {
    const folder = mkdtempSync(join(tmpdir(), 'plaited-place-'))
    mkdirSync(join(folder, '.git/refs/heads'), { recursive: true })
    mkdirSync(join(folder, '.git/objects'))
    const path = join(folder, part)
    chmodSync(path, 0)
    const [what, mend] = [`${path} cannot be read by user ${process.getuid?.()}`, `chmod 755 ${path}`]
    expect(auditUnprivileged(folder).faults).toEqual([{ what, mend }])
    Bun.spawnSync(['sh', '-c', mend])
    expect(placeFaultOf(folder)).toBeNull()
    expect(auditHistoryNow({ folder, anchor: null }).faults).toMatchObject([
      { what: expect.stringContaining('not signed') },
    ])
    rmSync(folder, { recursive: true })
  },
)
