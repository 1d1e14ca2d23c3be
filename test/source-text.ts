/**
 * A TypeScript file as three texts of equal length, so that an offset in one is an offset in all: `text` is the file,
 * `code` has comments and the contents of strings, templates and regular expressions blanked, `comments` has everything
 * but the comments blanked. Rules about the source can then be plain patterns that no quoted example sets off.
 *
 * This is a lexer, not a parser: whether a slash begins a regular expression is told from the token before it, which is
 * right for every form but `x++ / 2 / 3` and `if (a) /b/.test(c)`.
 */
export type SourceText = {
  readonly path: string
  readonly text: string
  readonly code: string
  readonly comments: string
}

/** One `import`, `export … from`, `import(…)` or `require(…)` with a literal specifier; types count like values. */
export type SourceImport = { readonly specifier: string; readonly typeOnly: boolean; readonly line: number }

const TOKEN =
  /\/\/[^\n]*|\/\*[\s\S]*?\*\/|'(?:\\.|[^'\\\n])*'|"(?:\\.|[^"\\\n])*"|\/(?:\\.|\[(?:\\.|[^\]\\\n])*\]|[^/\\[\n])+\/[a-z]*|[\w$]+|\s+|[\s\S]/y
/** From behind a backtick, or behind the brace that closes a hole, to the end of the template or its next hole. */
const TEMPLATE_PART = /(?:\\[\s\S]|\$(?!\{)|[^\\`$])*(?:`|\$\{|$)/y
const REGEX_MAY_FOLLOW = /^(?:|[(,=:[!&|?{}+\-*%<>~^;]|return|typeof|case|in|of|new|delete|void|throw|await|yield)$/

/** Splits a file into its views. */
export const readSource = (path: string, text: string): SourceText => {
  const pieces = splitPieces(text)
  return {
    path,
    text,
    code: pieces.map(({ kind, piece }) => blankFor.code[kind](piece)).join(''),
    comments: pieces.map(({ kind, piece }) => blankFor.comments[kind](piece)).join(''),
  }
}

type PieceKind = 'code' | 'comment' | 'quoted'

const splitPieces = (text: string): readonly { readonly kind: PieceKind; readonly piece: string }[] => {
  const pieces: { kind: PieceKind; piece: string }[] = []
  // What each open brace was opened by: the end of a template's hole goes on as template.
  const opened: ('{' | '${')[] = []
  let position = 0
  let previous = ''
  while (position < text.length) {
    const first = text.charAt(position)
    const isTemplate = first === '`' || (first === '}' && opened.pop() === '${')
    const token = isTemplate ? first + matchAt(TEMPLATE_PART, text, position + 1) : matchAt(TOKEN, text, position)
    const kind = isTemplate ? 'quoted' : kindOf(token, previous)
    const piece = kind === 'code' && first === '/' ? first : token
    if (isTemplate && piece.endsWith('${')) opened.push('${')
    else if (first === '{') opened.push('{')
    if (kind !== 'comment' && piece.trim() !== '') previous = piece
    pieces.push({ kind, piece })
    position += piece.length
  }
  return pieces
}

const kindOf = (token: string, previous: string): PieceKind => {
  if (token.startsWith('//') || token.startsWith('/*')) return 'comment'
  if (token.length > 1 && /^['"]/.test(token)) return 'quoted'
  return token.length > 1 && token.startsWith('/') && REGEX_MAY_FOLLOW.test(previous) ? 'quoted' : 'code'
}

const IMPORT =
  /(?:\b(?:import|export)\s+(type\s)?(?:(?!\b(?:import|export)\b)[^'"`])*?\bfrom|\bimport|\brequire)\s*\(?\s*(['"]) *\2/g

/** What a file imports, in order. */
export const readImports = (source: SourceText): readonly SourceImport[] =>
  [...source.code.matchAll(IMPORT)].map((match) => {
    const end = match.index + match[0].length - 1
    const start = source.text.lastIndexOf(match[2] ?? '', end - 1) + 1
    return {
      specifier: source.text.slice(start, end),
      typeOnly: match[1] !== undefined,
      line: lineAt(source.text, match.index),
    }
  })

/** Number of the line, from 1, that an offset lies on. */
export const lineAt = (text: string, offset: number): number => text.slice(0, offset).split('\n').length

const matchAt = (pattern: RegExp, text: string, position: number): string => {
  pattern.lastIndex = position
  return pattern.exec(text)?.[0] ?? ''
}
const keep = (piece: string): string => piece
const blank = (piece: string): string => piece.replace(/[^\n]/g, ' ')
const blankInside = (piece: string): string => piece.charAt(0) + blank(piece.slice(1, -1)) + piece.slice(-1)
const blankFor = {
  code: { code: keep, comment: blank, quoted: blankInside },
  comments: { code: blank, comment: keep, quoted: blank },
} satisfies Record<string, Record<PieceKind, (piece: string) => string>>
