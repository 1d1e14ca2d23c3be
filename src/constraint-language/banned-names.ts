/**
 * Names that no field, key, or variable may have. The evaluator reads members plainly and never reaches a prototype as
 * long as no name of `Object.prototype` gets to it; the rest only mislead a reader or are meaningless in a rule.
 */
const BANNED_NAMES: ReadonlySet<string> = new Set([
  ...Object.getOwnPropertyNames(Object.prototype),
  'prototype',
  'arguments',
  'caller',
  'callee',
  'call',
  'apply',
  'bind',
  'eval',
  'then',
  'globalThis',
  'Function',
])

/** The functions a rule may call, and names that everybody reads as something else: no rule may declare them. */
const RESERVED_NAMES: ReadonlySet<string> = new Set([
  'parseFloat',
  'parseInt',
  'Number',
  'String',
  'Math',
  'Boolean',
  'Object',
  'Array',
  'RegExp',
  'Date',
  'JSON',
  'undefined',
  'NaN',
  'Infinity',
  'isNaN',
  'isFinite',
  'async',
  'get',
  'set',
  'of',
])

export const isBannedName = (name: string): boolean => BANNED_NAMES.has(name)

export const isReservedName = (name: string): boolean => RESERVED_NAMES.has(name)
