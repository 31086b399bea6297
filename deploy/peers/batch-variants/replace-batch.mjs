import pg from 'pg'

/**
 * Sends batches of texts in another way than the service does, so that the ways can be compared within one
 * service and one run (`npm run lab -- run batch-statement`). Each file beside this one is one way; preload
 * it with `NODE_OPTIONS=--import ./deploy/peers/batch-variants/<file>`. None is a model: what keeps it out
 * of the service is said in its head and in `src/service/store/README.md`.
 *
 * @param insert stores the texts and answers with the rows `[position from 1, id]`, as the service's own
 * statement does. `send` runs one statement on the batch's connection.
 */
export function replaceBatch(insert) {
  const { query } = pg.Client.prototype
  pg.Client.prototype.query = function (config, ...rest) {
    if (config?.name !== 'insert_texts') return query.call(this, config, ...rest)
    const { text, values, constructor: RowsQuery } = config
    insert({
      client: this,
      statement: { text, values },
      texts: values[0],
      // As the service sends its own, so that the ways differ in nothing else.
      send: ({ types, ...statement }, sent) => {
        const sending = new RowsQuery(statement, (error, rows) => sent(error, { rows }))
        if (types !== undefined) sending.types = types
        query.call(this, sending)
      },
      answer: (error, rows) => config.answered(error, rows ?? []),
    })
  }
}
