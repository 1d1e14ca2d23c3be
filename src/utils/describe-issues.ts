type Issue = { readonly path: readonly PropertyKey[]; readonly message: string }

/** What zod found wrong, on one line: `detail.path: must be text; type: is missing`. */
export const describeIssues = ({ issues }: { readonly issues: readonly Issue[] }): string =>
  issues.map(({ path, message }) => `${path.length > 0 ? `${path.join('.')}: ` : ''}${message}`).join('; ')
