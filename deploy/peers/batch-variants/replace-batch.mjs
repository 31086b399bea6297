import pg from 'pg'

/**
 * Sends batches of texts in another way than the service does, so that the ways can be compared within one
 * service and one run (`npm run lab -- run batch-statement`). Each file beside this one is one way; preload
 * it with `NODE_OPTIONS=--import ./deploy/peers/batch-variants/<file>`. None is a model: what keeps it out
 * of the service is said in its head and in `docs/decisions.md`.
 *
 * @param insert stores the texts and answers with the rows `[position from 1, id]`, as the service's own
 * statement does. `send` runs one statement on the batch's connection.
 */
export function replaceBatch(insert) {
  const { query } = pg.Client.prototype
  pg.Client.prototype.query = function (config, ...rest) {
    if (config?.name !== 'insert_texts') return query.call(this, config, ...rest)
    const { text, values } = config
    const { promise, resolve, reject } = Promise.withResolvers()
    insert({
      client: this,
      statement: { text, values },
      texts: values[0],
      send: (statement, sent) => query.call(this, { ...statement, rowMode: 'array' }, sent),
      answer: (error, rows = []) => {
        if (error) reject(error)
        else resolve({ rows: rows.map(([position, id]) => ({ position, id })) })
      },
    })
    return promise
  }
}
