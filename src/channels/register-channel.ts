/** How an adapter makes itself known: its name and variables at once, its code only when it is configured. */
import type { z } from 'zod'
import type { ChannelRegistration, MissingSettings } from './channels.types.ts'

/** One entry of the table of adapters (`src/channel-adapters.ts`). */
export const registerChannel = (name: string, adapter: Omit<ChannelRegistration, 'name'>): ChannelRegistration => ({
  name,
  ...adapter,
})

/**
 * The settings of an adapter, or a sentence for each that is missing or wrong. Messages of the schema must not repeat
 * values: a secret may be among them.
 */
export const parseSettings = <Settings>(
  schema: z.ZodType<Settings>,
  settings: Readonly<Record<string, string>>,
): { readonly settings: Settings } | MissingSettings => {
  const parsed = schema.safeParse(settings)
  if (parsed.success) return { settings: parsed.data }
  return {
    missing: parsed.error.issues.map(({ path, message }) => {
      const name = String(path[0])
      return Object.hasOwn(settings, name) ? `${name} ${message}` : `${name} is not set`
    }),
  }
}
