/** The guide for authors of adapters: its example passes the suite of the port, and what it says is so. */
import { describe, expect, test } from 'bun:test'
import { appendFileSync, existsSync, mkdtempSync, readdirSync, readFileSync, realpathSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { connectNotebook, createNotebookWorld } from '../skills/adapter-guide/example/notebook-world.ts'
import type { IncomingBatch } from '../src/channels/channels.types.ts'
import { describeChannel } from './conformance/channel.ts'
import { projectRoot } from './helpers.ts'

describeChannel('notebook (of the adapter guide)', createNotebookWorld, { backlogMessages: 500 })

const timing = { random: () => 0, wait: async () => {} }
const folder = join(projectRoot, 'skills/adapter-guide')
const read = (name: string) => readFileSync(join(folder, name), 'utf8')

describe('the notebook', () => {
  const inFolder = async (work: (folder: string) => Promise<void>): Promise<void> => {
    const made = mkdtempSync(join(tmpdir(), 'notebook-'))
    try {
      await work(made)
    } finally {
      rmSync(made, { recursive: true })
    }
  }
  const look = async (at: string, cursor: string | null): Promise<IncomingBatch> => {
    for await (const batch of connectNotebook(at, timing).poll({ cursor, signal: new AbortController().signal }))
      return batch
    throw new Error('the poll has ended')
  }

  test('hears a line when it is complete, under an id that stays the same', () =>
    inFolder(async (at) => {
      appendFileSync(join(at, 'ada.in'), 'żółw\n\nnot yet comp')
      const first = await look(at, null)
      expect(first.messages).toEqual([{ id: 'ada:0', senderId: 'notebook:ada', text: 'żółw' }])
      expect(await look(at, null)).toEqual(first)
      appendFileSync(join(at, 'ada.in'), 'lete\n')
      expect((await look(at, first.cursor)).messages).toEqual([
        { id: 'ada:9', senderId: 'notebook:ada', text: 'not yet complete' },
      ])
    }))

  test('takes a backlog in batches, and a line without end in pieces', () =>
    inFolder(async (at) => {
      appendFileSync(join(at, 'ada.in'), 'x\n'.repeat(150) + 'y'.repeat(9000))
      const first = await look(at, null)
      const second = await look(at, first.cursor)
      const third = await look(at, second.cursor)
      expect([first, second].map(({ messages }) => messages.length)).toEqual([100, 50])
      expect(third.messages.map(({ text }) => text.length)).toEqual([8192])
    }))

  test('finds what it has sent, also behind a line that a crash has cut off', () =>
    inFolder(async (at) => {
      const channel = connectNotebook(at, timing)
      const message = { to: 'notebook:ada', replyTo: null, answers: [], text: 'hi', repeat: false }
      const signal = new AbortController().signal
      expect(await channel.findSent?.('t/1', { ...message, key: 't/1' })).toBeNull()
      appendFileSync(join(at, 'ada.out'), '{"key":"t/0","te')
      await channel.send({ ...message, key: 't/1' }, signal)
      expect(await channel.findSent?.('t/1', { ...message, key: 't/1' })).toEqual({ id: 't/1' })
      expect(await channel.findSent?.('t/0', { ...message, key: 't/0' })).toBeNull()
    }))

  test('writes to nobody outside its folder, and says what is wrong with it', async () => {
    const channel = connectNotebook('/nowhere', timing)
    const message = { key: 't/1', replyTo: null, answers: [], text: 'hi', repeat: false }
    const signal = new AbortController().signal
    await expect(channel.send({ ...message, to: 'notebook:../etc' }, signal)).rejects.toMatchObject({
      fault: 'rejected',
    })
    await expect(channel.send({ ...message, to: 'notebook:ada' }, signal)).rejects.toMatchObject({
      ...{ fault: 'unreachable', mayHaveArrived: false, hint: expect.stringContaining('/nowhere') },
    })
    expect(await channel.examine?.(signal)).toMatchObject([
      { state: 'fail', mend: expect.stringContaining('/nowhere') },
    ])
  })
})

describe('the guide', () => {
  const pages = ['SKILL.md', ...readdirSync(join(folder, 'references')).map((name) => `references/${name}`)]

  test('is linked for those who work on plaited, as every shipped skill is', () => {
    const skills = readdirSync(join(projectRoot, 'skills'))
    expect(skills).toContain('adapter-guide')
    expect(readdirSync(join(projectRoot, '.claude/skills')).toSorted()).toEqual(skills.toSorted())
    for (const skill of skills)
      expect(realpathSync(join(projectRoot, '.claude/skills', skill))).toBe(
        realpathSync(join(projectRoot, 'skills', skill)),
      )
  })

  test('is found by its name and front matter', () => {
    expect(read('SKILL.md')).toStartWith('---\nname: adapter-guide\ndescription: ')
    expect(pages.toSorted()).toEqual([
      'SKILL.md',
      'references/auth-provider.md',
      'references/channel-adapter.md',
      'references/testing-adapters.md',
    ])
  })

  test.each(pages)('%s names only files that exist', (page) => {
    const named = read(page).match(/(?<![\w./-])(?:src|test|skills)\/[\w./-]*\w/g) ?? []
    const linked = [...read(page).matchAll(/\]\(([^)#:]+)\)/g)].map(([, path = '']) => join(folder, page, '..', path))
    expect([...named.map((path) => join(projectRoot, path)), ...linked].filter((path) => !existsSync(path))).toEqual([])
  })

  test('names every part of the port, and no other', () => {
    const port = readFileSync(join(projectRoot, 'src/channels/channels.types.ts'), 'utf8')
    const fieldsOf = (type: string) => {
      const [, body = ''] = new RegExp(`export type ${type} = \\{([\\s\\S]*?)\\n\\}`).exec(port) ?? []
      return [...body.matchAll(/^ {2}readonly (\w+)/gm)].map(([, field = '']) => field)
    }
    const guide = read('references/channel-adapter.md')
    for (const type of ['Channel', 'IncomingMessage', 'OutgoingMessage', 'ChannelCapabilities', 'ChannelEnvironment']) {
      const fields = fieldsOf(type)
      expect(fields.length).toBeGreaterThan(2)
      const [, section = ''] = guide.split(`### \`${type}\``)
      const told = [...(section.split(/\n#{2,3} /)[0] ?? '').matchAll(/^\| `(\w+)` +\|/gm)].map(
        ([, field = '']) => field,
      )
      expect(told.toSorted()).toEqual(fields.toSorted())
    }
  })
})
