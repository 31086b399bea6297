import Router from '@koa/router'
import Koa from 'koa'
import { burnCpuUs, statusFor } from './burn.js'

const { wait } = await import(`./waits/${process.env.WAIT ?? 'pg'}.js`)

const router = new Router()
router.get('/work/:name', async context => {
  const us = Number(context.query.us ?? 0)
  const id = await wait()
  burnCpuUs(us)
  context.status = statusFor(us)
  context.body = { id }
})

new Koa().use(router.routes()).listen(Number(process.env.PORT), '127.0.0.1')
