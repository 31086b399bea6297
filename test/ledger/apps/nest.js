import 'reflect-metadata'
import { Controller, Get, Module, Query, Res } from '@nestjs/common'
import { NestFactory } from '@nestjs/core'
import { burnCpuUs, statusFor } from './burn.js'

const { wait } = await import(`./waits/${process.env.WAIT ?? 'pg'}.js`)

class WorkController {
  async work(usText, response) {
    const us = Number(usText ?? 0)
    const id = await wait()
    burnCpuUs(us)
    response.status(statusFor(us))
    return { id }
  }
}

// Decorators, written as the calls that they are, because plain JavaScript has no syntax for them yet.
const { prototype } = WorkController
Get('work/:name')(prototype, 'work', Object.getOwnPropertyDescriptor(prototype, 'work'))
Query('us')(prototype, 'work', 0)
Res({ passthrough: true })(prototype, 'work', 1)
Controller('nest')(WorkController)

class AppModule {}
Module({ controllers: [WorkController] })(AppModule)

const app = await NestFactory.create(AppModule, { logger: ['error'] })
await app.listen(Number(process.env.PORT), '127.0.0.1')
