import { bSync, bThread, on } from 'plaited'

/** Files outside the workspace are not written, changed, moved or deleted. */
export const keepWritesInWorkspace = bThread(
  [
    bSync({
      block: on(
        'permission:file:write',
        ({ detail }) => detail.rel === null || (detail.from !== null && !detail.from.startsWith('/workspace/')),
      ),
    }),
  ],
  true,
)
