/**
 * "Hi/lo": one number of a sequence stands for a block of ids, which are given out without asking. The
 * sequence is one of its own, far above the table's, so that emptied tables and other strategies are not met.
 */
const blockIds = 10_000
const firstId = 1_000_000_000_000

const create = `CREATE SEQUENCE IF NOT EXISTS text_id_blocks START ${firstId} INCREMENT ${blockIds}`
const take = { name: 'take_id_block', text: `SELECT nextval('text_id_blocks')` }

/** Gives `insert` the first of as many consecutive ids as there are texts. */
export function withIds(insert) {
  let next = 0
  let end = 0
  return function insertWithIds(batch) {
    const { texts, send, answer } = batch
    if (next + texts.length <= end) {
      const firstId = next
      next += texts.length
      insert({ ...batch, firstId })
      return
    }
    const taken = (error, result) => {
      if (error) {
        answer(error)
        return
      }
      next = result.rows[0][0]
      end = next + blockIds
      insertWithIds(batch)
    }
    if (end > 0) send(take, taken)
    else send({ text: create }, error => (error ? answer(error) : send(take, taken)))
  }
}

/** What the service's own statement would have returned. */
export function rowsFrom(firstId, texts) {
  return texts.map((_, i) => [i + 1, firstId + i])
}
