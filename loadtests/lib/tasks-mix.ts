import { createTask, deleteTask, listTasks, readTask, updateTask } from './service.ts'

/** Each virtual user works on the tasks it created itself, so that nobody reads what another has just deleted. */
const own: number[] = []
/** Enough to choose from; beyond it the oldest is forgotten (it stays in the database). */
const ownAtMost = 50

/**
 * One step of finding C1's mix: 75 % reads (pages and single tasks), 20 % writes (new tasks and changes), 5 % deletes.
 * A user without a task of its own yet reads a page instead of one, or creates one where it would change or delete.
 */
export function mixedStep(): void {
  const dice = Math.random()
  const id = own[Math.floor(Math.random() * own.length)]
  if (dice < 0.75) {
    if (id === undefined || dice < 0.4) listTasks()
    else readTask(id)
  } else if (id === undefined || dice < 0.9) create()
  else if (dice < 0.95) updateTask(id, { title: `changed by user ${__VU}`, done: true })
  else remove(id)
}

function create(): void {
  const task = createTask(`task ${__ITER} of user ${__VU}`)
  if (task === null) return
  own.push(task.id)
  if (own.length > ownAtMost) own.shift()
}

function remove(id: number): void {
  own.splice(own.indexOf(id), 1)
  deleteTask(id)
}
