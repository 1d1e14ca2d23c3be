/** Folders of the workspace in which the node keeps something: neither committed nor reported as left out. */

/** Where the sandbox keeps the whole of a long output. */
export const OUTPUT_FOLDER = '.plaited/out/'
/** Where it is kept what stood in the place of a file that was put back (set-aside.ts), and where that cannot be. */
export const ASIDE_FOLDER = '.plaited/aside/'
export const SPARE_ASIDE_START = '.plaited-00000000-0000-0000-0000-'

export const OWN_FOLDERS = [OUTPUT_FOLDER, ASIDE_FOLDER]

/** Whether a path of the workspace may have been moved there. */
export const isSetAside = (path: string): boolean => path.startsWith(ASIDE_FOLDER) || path.startsWith(SPARE_ASIDE_START)
