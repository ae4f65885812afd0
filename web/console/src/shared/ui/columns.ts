export interface Column<T> {
  key: string
  title: string
  /** Default: the row's member of that name. */
  text?: (row: T) => string
  /** Figures stand to the right. */
  end?: boolean
  quiet?: boolean
}
