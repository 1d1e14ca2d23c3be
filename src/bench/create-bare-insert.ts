import type { State } from '../agent/persistence.ts'

type Row = Record<string, string | number | null>

/** Inserts copies of the one row of a table into an equal table; `uniqueOf` gives the columns in which they must differ. */
export const createBareInsert = (
  table: string,
  { from, to, uniqueOf }: { readonly from: State; readonly to: State; readonly uniqueOf: (n: number) => Row },
): (() => unknown) => {
  to.database.run('pragma foreign_keys = off') // the rows it points to are not there
  const row = from.database.query<Row, []>(`select * from ${table}`).get()
  if (!row) throw new Error(`${table} holds no row to copy`)
  const columns = Object.keys(row)
  const insert = to.database.query<undefined, [Row]>(
    `insert into ${table} (${columns.join(', ')}) values (${columns.map((column) => `$${column}`).join(', ')})`,
  )
  let count = 0
  return () => insert.run({ ...row, ...uniqueOf(++count) })
}
