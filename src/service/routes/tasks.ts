import type { ServerResponse } from 'node:http'
import type { FastifyPluginCallbackTypebox } from '@fastify/type-provider-typebox'
import { Type } from 'typebox'
import { ServiceError } from '../errors.ts'
import type { Caller } from '../store/database.ts'
import type { Task, Tasks } from '../store/tasks.ts'
import { problemAnswers } from './problem-schema.ts'
import { assertStorable } from './text-guard.ts'

const Title = Type.String({ minLength: 1, maxLength: 200, examples: ['Write the report'] })
const exampleTask = { id: 1, title: 'Write the report', done: false, createdAt: '2026-11-30T12:00:00.000Z' }
const TaskSchema = Type.Object(
  {
    id: Type.Integer(),
    title: Type.String(),
    done: Type.Boolean(),
    createdAt: Type.String({ format: 'date-time' }),
  },
  { examples: [exampleTask] },
)
const Id = Type.Object({ id: Type.Integer({ minimum: 1, maximum: Number.MAX_SAFE_INTEGER, examples: [1] }) })
const tags = ['tasks']
/** Not a format of JSON Schema. `store/tasks.ts` decodes the cursor. */
export const cursorFormat = 'cursor'

/** The tasks API of the second report. */
export const taskRoutes: FastifyPluginCallbackTypebox<{ tasks: Tasks }> = (app, { tasks }, done) => {
  app.get(
    '/tasks/',
    {
      schema: {
        operationId: 'listTasks',
        summary: 'A page of tasks, in the order of their ids',
        tags,
        querystring: Type.Object({
          after: Type.Optional(
            Type.String({
              description: 'The `next` of the previous page; empty for the first page.',
              format: cursorFormat,
              examples: [''],
            }),
          ),
          limit: Type.Integer({ minimum: 1, maximum: 100, default: 25, examples: [10] }),
        }),
        response: {
          200: Type.Object(
            {
              items: Type.Array(TaskSchema),
              next: Type.Union([Type.String(), Type.Null()], { description: 'null at the end.' }),
            },
            { examples: [{ items: [exampleTask], next: null }] },
          ),
          ...problemAnswers(400, 429, 503),
        },
      },
    },
    (request, reply) => tasks.list(request.query.after || undefined, request.query.limit, callerOf(reply)),
  )

  app.post(
    '/tasks/',
    {
      schema: {
        operationId: 'createTask',
        summary: 'Creates a task',
        tags,
        body: Type.Object({ title: Title }, { additionalProperties: false }),
        response: { 201: TaskSchema, ...problemAnswers(400, 413, 415, 429, 503) },
      },
    },
    async (request, reply) => {
      const { title } = request.body
      assertStorable(title, 'title')
      return reply.code(201).send(await tasks.create(title, callerOf(reply)))
    },
  )

  app.get(
    '/tasks/:id',
    {
      schema: {
        operationId: 'getTask',
        summary: 'One task',
        tags,
        params: Id,
        response: { 200: TaskSchema, ...problemAnswers(400, 404, 429, 503) },
      },
    },
    async (request, reply) => found(await tasks.find(request.params.id, callerOf(reply)), request.params.id),
  )

  app.put(
    '/tasks/:id',
    {
      schema: {
        operationId: 'replaceTask',
        summary: 'Replaces a task',
        tags,
        params: Id,
        body: Type.Object(
          { title: Title, done: Type.Boolean({ examples: [true] }) },
          { additionalProperties: false },
        ),
        response: { 200: TaskSchema, ...problemAnswers(400, 404, 413, 415, 429, 503) },
      },
    },
    async (request, reply) => {
      const { id } = request.params
      const { title, done: isDone } = request.body
      assertStorable(title, 'title')
      return found(await tasks.update(id, title, isDone, callerOf(reply)), id)
    },
  )

  app.delete(
    '/tasks/:id',
    {
      schema: {
        operationId: 'deleteTask',
        summary: 'Removes a task',
        tags,
        params: Id,
        response: { 204: Type.Null(), ...problemAnswers(400, 404, 429, 503) },
      },
    },
    async (request, reply) => {
      if (!(await tasks.remove(request.params.id, callerOf(reply)))) found(null, request.params.id)
      return reply.code(204).send(null)
    },
  )

  done()
}

function found(task: Task | null, id: number): Task {
  if (task === null) throw new ServiceError('not_found', `there is no task ${id}`)
  return task
}

/** If the client has gone while it waited for a connection, its statement is not sent. */
function callerOf(reply: { raw: ServerResponse }): Caller {
  return { isCancelled: () => reply.raw.destroyed }
}
