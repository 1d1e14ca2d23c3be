/**
 * Events that have happened when rules see them: no rule can block one, but a sequence may wait for it. Small on purpose:
 * a sequence asks when something happened, and judges what is done then by the permission that is asked for.
 */
import { z } from 'zod'

/** Characters of an identifier, as in the permission events. */
const NAME_CHARACTERS_MAX = 256

const name = z.string().max(NAME_CHARACTERS_MAX)
const happened = { v: z.literal(1), turn: name.nullable(), channel: name.nullable() }

export const lifecycleVocabulary = {
  /** The owner gate let a message through. */
  'owner:message': z.strictObject({ ...happened, senderId: name }),
  'turn:start': z.strictObject(happened),
  'turn:end': z.strictObject(happened),
  /** A call was executed, whether it succeeded or not. */
  'tool:done': z.strictObject({ ...happened, tool: name, isOk: z.boolean() }),
  /** Text that is neither the owner's nor ours came into the context; `label` is its taint label, as `web:example.com`. */
  'untrusted:read': z.strictObject({ ...happened, label: name }),
} as const

export type LifecycleType = keyof typeof lifecycleVocabulary

export type LifecycleEvent = {
  readonly [Type in LifecycleType]: {
    readonly type: Type
    readonly detail: Readonly<z.output<(typeof lifecycleVocabulary)[Type]>>
  }
}[LifecycleType]

export const isLifecycleType = (type: string): type is LifecycleType => Object.hasOwn(lifecycleVocabulary, type)
