import { describe, expect, test } from 'bun:test'
import fc from 'fast-check'
import { createOwnerGate, LOCAL_CHANNEL, LOCAL_OWNER } from '../owner-gate.ts'

const message = (channel: string, senderId: string) => ({ channel, senderId, messageId: 'm1', text: 'hello' })

describe('the owner gate', () => {
  test('lets the local owner through on the local channel only', () => {
    const gate = createOwnerGate('github:1')
    expect(gate(message(LOCAL_CHANNEL, LOCAL_OWNER)).ok).toBe(true)
    expect(gate(message('bluesky', LOCAL_OWNER)).ok).toBe(false)
    expect(gate(message(LOCAL_CHANNEL, 'github:1')).ok).toBe(false)
  })

  test('lets nobody through elsewhere while no owner is configured', () => {
    const gate = createOwnerGate(null)
    for (const sender of [LOCAL_OWNER, 'null', '', 'undefined', 'github:1']) {
      expect(gate(message('bluesky', sender))).toEqual({ ok: false, reason: 'no owner is configured for this channel' })
    }
  })

  test('lets through exactly the configured owner, letter for letter', () => {
    const owner = 'atproto:did:plc:abc'
    const gate = createOwnerGate(owner)
    expect(gate(message('bluesky', owner)).ok).toBe(true)
    const near = fc.constantFrom(
      `${owner} `,
      ` ${owner}`,
      owner.toUpperCase(),
      'did:plc:abc',
      `${owner}\0`,
      `${owner}d`,
      'github:did:plc:abc',
    )
    fc.assert(
      fc.property(fc.oneof(near, fc.string()), (sender) => {
        fc.pre(sender !== owner)
        expect(gate(message('bluesky', sender))).toEqual({ ok: false, reason: 'the sender is not the owner' })
      }),
    )
  })

  test('gives a proof of that message, which cannot be changed', () => {
    const given = message(LOCAL_CHANNEL, LOCAL_OWNER)
    const proof = createOwnerGate(null)(given)
    if (!proof.ok) throw new Error(proof.reason)
    given.text = 'something else'
    expect(proof.intent).toMatchObject({ text: 'hello', messageId: 'm1' })
    expect(() => Object.assign(proof.intent, { text: 'something else' })).toThrow(TypeError)
  })
})
