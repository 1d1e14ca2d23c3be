import { join } from 'node:path'
import { NodeError } from '../utils/node-error.ts'

/** Where the measured matrix of layers and attacks stands. */
export const CONTAINMENT_DOCUMENT = 'docs/containment.md'

/** Runs every attack against each layer alone and writes the document; it lives beside the attacks. */
const MEASURE = join('test', 'security', 'sandbox', 'containment-main.ts')

/** The step of `plaited test --containment`, which runs instead of the checks. @throws {NodeError} USAGE */
export const containmentArgv = (args: readonly string[]): readonly string[] => {
  const extra = args.find((arg) => arg !== '--containment')
  if (extra !== undefined)
    throw new NodeError('USAGE', `test --containment takes nothing besides, not ${extra}`, {
      hint: 'plaited test --containment',
    })
  return ['--no-install', '--no-macros', '--no-env-file', MEASURE, CONTAINMENT_DOCUMENT]
}
