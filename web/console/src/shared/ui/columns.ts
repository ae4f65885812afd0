export interface Column<T> {
  key: string
  title: string
  /** What it means, behind a question mark. */
  explain?: string
  /** Default: the row's member of that name. */
  text?: (row: T) => string
  /** Figures stand to the right. */
  end?: boolean
  quiet?: boolean
}
