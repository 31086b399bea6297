import { serve } from '@hono/node-server'
import { Hono } from 'hono'
import { burnCpuUs, statusFor } from './burn.js'

const { wait } = await import(`./waits/${process.env.WAIT ?? 'pg'}.js`)

const app = new Hono()
app.get('/work/:name', async context => {
  const us = Number(context.req.query('us') ?? 0)
  const id = await wait()
  burnCpuUs(us)
  return context.json({ id }, statusFor(us))
})

serve({ fetch: app.fetch, port: Number(process.env.PORT), hostname: '127.0.0.1' })
