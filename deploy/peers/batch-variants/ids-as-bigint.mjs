/** The service's own statement, its ids read as BigInt, exact at any size and not as numbers. */
import pg from 'pg'
import { replaceBatch } from './replace-batch.mjs'

const { INT8 } = pg.types.builtins
const types = {
  getTypeParser: (oid, format) => (oid === INT8 ? BigInt : pg.types.getTypeParser(oid, format)),
}

replaceBatch(({ statement, send, answer }) => {
  send({ ...statement, name: 'insert_ids_as_bigint', types }, (error, result) => {
    if (error) answer(error)
    else answer(null, result.rows)
  })
})
