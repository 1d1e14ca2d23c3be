import { afterEach, describe, expect, test } from 'bun:test'
import type { Model, ModelMessage, ModelReply } from '../../model.types.ts'
import { createScriptedModel } from '../scripted-model.ts'

const closers: Model['close'][] = []
afterEach(async () => {
  for (const close of closers.splice(0)) await close()
})

const start = async () => {
  const model = await createScriptedModel()
  closers.push(model.close)
  return model
}

const tools = ['write', 'read'].map((name) => ({ name, description: name, inputSchema: { type: 'object' as const } }))

const ask = (model: Model, messages: readonly ModelMessage[]): Promise<ModelReply> =>
  model.stream(
    { system: 'a system prompt', tools, messages, maxTokens: 100 },
    { signal: new AbortController().signal, onText: () => undefined },
  )

const owner = (text: string): ModelMessage => ({ role: 'user', content: [{ type: 'text', text }] })

describe('the scripted model', () => {
  test('says what it is and costs nothing', async () => {
    const model = await start()
    expect(model).toMatchObject({ name: 'scripted', provider: 'scripted', scripted: true })
    expect(model.price).toEqual({ input: 0, output: 0, cacheRead: 0, cacheWrite: 0 })
  })

  test('carries out a chain over the real SDK, call by call', async () => {
    const model = await start()
    const messages: ModelMessage[] = [owner('write a: hi\\nthere && then read a')]
    const inputs: unknown[] = []
    for (;;) {
      const reply = await ask(model, messages)
      const [block] = reply.content
      if (block?.type !== 'tool_use') {
        expect(reply).toMatchObject({ stopReason: 'end_turn', content: [{ type: 'text' }] })
        expect(block?.['text']).toBe('wrote a\nread a:\n> hi\n> there\n(scripted, no AI model)')
        break
      }
      inputs.push(block.input)
      messages.push(
        { role: 'assistant', content: reply.content },
        { role: 'user', content: [{ type: 'tool_result', tool_use_id: `${block['id']}`, content: 'hi\nthere' }] },
      )
    }
    expect(inputs).toEqual([{ file_path: 'a', content: 'hi\nthere' }, { file_path: 'a' }])
  })

  test('is gone after close', async () => {
    const model = await start()
    await ask(model, [owner('hi')])
    await model.close()
    await expect(ask(model, [owner('hi')])).rejects.toMatchObject({ fault: 'unreachable' })
  })

  test('holds no process open once it is closed', async () => {
    const script = `
      import { createScriptedModel } from '${import.meta.dir}/../scripted-model.ts'
      const model = await createScriptedModel()
      const request = { system: '', tools: [], messages: [{ role: 'user', content: [{ type: 'text', text: 'hi' }] }], maxTokens: 9 }
      await model.stream(request, { signal: new AbortController().signal, onText: (text) => process.stdout.write(text) })
      await model.close()`
    await using child = Bun.spawn([process.execPath, '-e', script], { stdout: 'pipe', stderr: 'pipe' })
    expect(await child.exited).toBe(0)
    expect(await child.stdout.text()).toStartWith('I am a script without a model.')
    expect(await child.stderr.text()).toBe('')
  })
})
