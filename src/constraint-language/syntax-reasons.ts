type Reason = readonly [message: string, fix: string]

const LOOP: Reason = ['a loop', 'use .some, .every, .filter or .map on an array']
const FUNCTION: Reason = ['`function`', 'write an arrow function: (value) => ...']
const CLASS: Reason = ['a class', 'leave it out: rules are made of constants and arrow functions']
const CONTROL: Reason = ['a statement that is not `const`', 'write one expression with && || and ? :']
const ASSIGNMENT: Reason = ['an assignment', 'rules change nothing: write a `const`']
const EXPORT: Reason = ['this form of export', 'write `export const name = bThread([bSync({ ... })], true)`']
const SPREAD: Reason = ['`...`', 'name each value']
const WAITING: Reason = ['waiting', 'rules decide at once, from the event alone']

/** What people try first, with the way to say it. */
export const REFUSED_NODES: Readonly<Record<string, Reason>> = {
  ForStatement: LOOP,
  ForInStatement: LOOP,
  ForOfStatement: LOOP,
  WhileStatement: LOOP,
  DoWhileStatement: LOOP,
  FunctionDeclaration: FUNCTION,
  FunctionExpression: FUNCTION,
  ClassDeclaration: CLASS,
  ClassExpression: CLASS,
  IfStatement: CONTROL,
  SwitchStatement: CONTROL,
  TryStatement: CONTROL,
  ThrowStatement: CONTROL,
  LabeledStatement: CONTROL,
  ExpressionStatement: ['a statement that is not a declaration', 'leave it out'],
  EmptyStatement: ['an empty statement', 'remove the lone `;`'],
  AssignmentExpression: ASSIGNMENT,
  UpdateExpression: ASSIGNMENT,
  AssignmentPattern: ['a default value', 'remove the `= ...`: absent fields are null, never missing'],
  ExportDefaultDeclaration: EXPORT,
  ExportAllDeclaration: EXPORT,
  ImportDefaultSpecifier: ['a default import', "write import { bThread, bSync, on } from 'plaited'"],
  ImportNamespaceSpecifier: ['a namespace import', "write import { bThread, bSync, on } from 'plaited'"],
  ImportExpression: ['import()', 'rules load nothing'],
  SpreadElement: SPREAD,
  RestElement: SPREAD,
  AwaitExpression: WAITING,
  YieldExpression: WAITING,
  ThisExpression: ['`this`', 'use the event that is passed in'],
  NewExpression: ['`new`', 'write literals; a pattern is written /like this/'],
  TaggedTemplateExpression: ['a tagged template', 'write a plain string'],
  ChainExpression: ['`?.`', 'write `value !== null && value.member`'],
  SequenceExpression: ['the comma operator', 'write one expression'],
  ArrayPattern: ['taking an array apart', 'use `[0]`, `.some` or `.every`'],
  MetaProperty: ['`import.meta` or `new.target`', 'leave it out'],
}

export const REFUSED_OPERATORS: Readonly<Record<string, string>> = {
  '==': 'use ===',
  '!=': 'use !==',
  'unary +': 'use Number(value) or parseFloat(value)',
  '**': 'multiply',
  typeof: 'fields have one type each; compare with === null where a field may be null',
  void: 'leave it out',
  delete: 'rules change nothing: leave it out',
  in: 'absent fields are null, never missing: compare with === null',
  instanceof: 'leave it out',
  '~': 'use arithmetic or .includes',
  '|': 'use ||',
  '&': 'use &&',
  '^': 'use !==',
  '<<': 'multiply',
  '>>': 'divide and use Math.floor',
  '>>>': 'divide and use Math.floor',
}
