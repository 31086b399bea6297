"""The CRUD service of the third report: calls that block, inside `async def`.

While one request waits for the database, the event loop of its process serves nobody: a process answers one request
at a time, however idle its CPU. More processes help, which is what the report saw (1.6 s with one, 90 ms with 16).
`DATABASE_DELAY_MS` stands for the distance of the report's database: a lone request took 14 ms there.
"""

import time

import settings
from fastapi import FastAPI, HTTPException
from report import COLUMNS, NewTask, Task, TaskChange, TaskPage
from sqlalchemy import create_engine, text
import cursor

engine = create_engine(settings.sqlalchemy_url("psycopg"))
app = FastAPI()


def run(statement: str, **values: object) -> list[dict[str, object]]:
    with engine.begin() as connection:
        time.sleep(settings.DATABASE_DELAY_S)
        return [dict(row) for row in connection.execute(text(statement), values).mappings()]


@app.get("/ping/")
async def ping():
    return {"ping": "pong"}


@app.get("/readyz")
async def ready():
    run("SELECT 1")
    return {"status": "ready"}


@app.get("/tasks/", response_model=TaskPage)
async def list_tasks(after: str | None = None, limit: int = 25):
    statement = f"SELECT {COLUMNS} FROM tasks WHERE id > :after ORDER BY id LIMIT :limit"
    rows = run(statement, after=cursor.decode(after), limit=limit + 1)
    items = rows[:limit]
    return {"items": items, "next": cursor.encode(items[-1]["id"]) if len(rows) > limit else None}


@app.post("/tasks/", response_model=Task, status_code=201)
async def create_task(task: NewTask):
    return run(f"INSERT INTO tasks (title) VALUES (:title) RETURNING {COLUMNS}", title=task.title)[0]


@app.get("/tasks/{id}", response_model=Task)
async def find_task(id: int):
    return only(run(f"SELECT {COLUMNS} FROM tasks WHERE id = :id", id=id))


@app.put("/tasks/{id}", response_model=Task)
async def update_task(id: int, task: TaskChange):
    statement = f"UPDATE tasks SET title = :title, done = :done WHERE id = :id RETURNING {COLUMNS}"
    return only(run(statement, id=id, title=task.title, done=task.done))


@app.delete("/tasks/{id}", status_code=204)
async def delete_task(id: int):
    only(run("DELETE FROM tasks WHERE id = :id RETURNING id", id=id))


def only(rows):
    if not rows:
        raise HTTPException(404)
    return rows[0]
