import { createServer } from 'node:http'
import pg from 'pg'
import { burnCpuUs, statusFor } from './burn.js'

const pool = new pg.Pool({ connectionString: process.env.DATABASE_URL, max: 20 })

createServer((request, response) => {
  const us = Number(new URL(request.url, 'http://localhost').searchParams.get('us') ?? 0)
  pool.query('INSERT INTO simple_text (text) VALUES ($1) RETURNING id', ['a text'], (error, result) => {
    burnCpuUs(us)
    response.writeHead(error ? 500 : statusFor(us), { 'content-type': 'application/json' })
    response.end(JSON.stringify({ id: result?.rows[0].id }))
  })
}).listen(Number(process.env.PORT), '127.0.0.1')
