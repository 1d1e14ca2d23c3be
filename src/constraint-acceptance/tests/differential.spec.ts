import { expect, test } from 'bun:test'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { answerOf, listenersOf, runNatively } from '../../constraint-language/tests/run-natively.ts'
import { compileSpec } from '../../constraint-spec/compile-spec.ts'
import { parseTemplateWords, TEMPLATE_FORMS } from '../../constraint-spec/template-words.ts'
import { createRuleAcceptance } from '../rule-acceptance.ts'

const root = join(import.meta.dir, '../../..')

/** The shipped rules, those that words compile to, and the files of the skill. */
const sources: readonly string[] = [
  ...readdirSync(join(root, 'constraints-seed')).map((name) =>
    readFileSync(join(root, 'constraints-seed', name), 'utf8'),
  ),
  ...TEMPLATE_FORMS.flatMap((form) => parseTemplateWords(form) ?? []).map(compileSpec),
  ...[...readFileSync(join(root, 'skills/behavioral-core/SKILL.md'), 'utf8').matchAll(/^```ts\n([\s\S]*?)^```$/gm)].map(
    ([, text = '']) => text,
  ),
]

test('every real rule answers about every boundary event what its text answers natively', async () => {
  const acceptance = createRuleAcceptance()
  const files = sources.map((source) => {
    const accepted = acceptance.acceptRule({ file: 'real', source, examples: null })
    if (!accepted.ok) throw new Error(accepted.reason)
    const listeners = listenersOf(accepted.rules)
    const types = [...new Set(listeners.flatMap(({ eventTypes }) => eventTypes ?? []))]
    return { source, listeners, events: acceptance.samplesOf(types).map(({ event }) => event) }
  })
  const native = await runNatively(files.map(({ source, events }) => ({ source, events })))
  for (const [at, { listeners, events }] of files.entries()) {
    const ours = listeners.map((listener) => events.map((event) => answerOf(listener, event)))
    expect(ours).toEqual(native[at] as typeof ours)
  }
  expect(files.reduce((sum, { listeners, events }) => sum + listeners.length * events.length, 0)).toBeGreaterThan(5000)
})
