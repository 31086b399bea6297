import pg from 'pg'

/** A statement; one with a `name` is parsed once per connection. */
export interface Statement {
  name?: string
  text: string
  values?: readonly unknown[]
  /** Its success makes rows durable, so a connection lost while it runs leaves their fate unknown. */
  commits?: boolean
}

/** Rows come as arrays, which cost less than objects. */
export type Row = readonly unknown[]

/**
 * A statement as `pg.Client.query` takes it.
 *
 * `pg` would make such a query of a plain object itself, but copies the object by its property descriptors, and has an
 * empty row ready for rows to be copied from, which rows that are arrays never are. The two were 26,000 and 3,300 of
 * the 138,000 instructions that a prepared insert took outside the kernel (callgrind). The price is that the messages
 * of an answer are taken here, as `pg-cursor` and `pg-query-stream` do.
 */
export class RowsQuery extends pg.Query {
  declare name: string | undefined
  /** Where it has some, they read the columns, and not those of the service. */
  declare types: pg.CustomTypesConfig | undefined
  /** Gets all rows, or the reason why there are none. */
  readonly answered: (error: Error | null, rows: readonly Row[]) => void
  readonly #rows: Row[] = []
  #parsers: readonly ((value: string) => unknown)[] = []

  constructor({ name, text, values }: Statement, answered: RowsQuery['answered']) {
    super(text, values as unknown[] | undefined, error => this.answered(error ?? null, this.#rows))
    this.name = name
    this.answered = answered
  }

  handleRowDescription({ fields }: { fields: readonly { dataTypeID: number }[] }): void {
    this.#parsers = fields.map(
      ({ dataTypeID }) => this.types?.getTypeParser(dataTypeID) ?? parserOf(dataTypeID),
    )
  }

  handleDataRow({ fields }: { fields: readonly (string | null)[] }): void {
    this.#rows.push(fields.map((field, column) => (field === null ? null : this.#parsers[column]?.(field))))
  }

  /** Its tag repeats what the rows say. */
  handleCommandComplete(): void {}
}

const int8 = 20

/** ids are JSON numbers: the identity would have to run for centuries to leave their range. */
function parserOf(dataTypeId: number): (value: string) => unknown {
  return dataTypeId === int8 ? Number : pg.types.getTypeParser(dataTypeId)
}
