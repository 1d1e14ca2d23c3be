/** An answer of the system, such as ENOENT. */
type SystemError = Error & { readonly code: string }

export const isSystemError = (error: unknown): error is SystemError =>
  error instanceof Error && 'code' in error && typeof error.code === 'string'

export const hasCode = (error: unknown, ...codes: readonly string[]): boolean =>
  isSystemError(error) && codes.includes(error.code)
