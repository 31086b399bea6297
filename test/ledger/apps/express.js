import express from 'express'
import { burnCpuUs, statusFor } from './burn.js'

const { wait } = await import(`./waits/${process.env.WAIT ?? 'pg'}.js`)

const app = express()
const router = express.Router()
const ofOwner = express.Router({ mergeParams: true })
const ofItem = express.Router()

app.get('/work/:name', work)
app.use('/api', router)
router.get('/work/:name', work)
router.use('/of/:owner', ofOwner)
ofOwner.get('/work/:name', work)
router.use('/item/:id', ofItem)
ofItem.get('/work/:name', work)

async function work(request, response) {
  const us = Number(request.query.us ?? 0)
  const id = await wait()
  burnCpuUs(us)
  response.status(statusFor(us)).json({ id })
}

app.listen(Number(process.env.PORT), '127.0.0.1')
