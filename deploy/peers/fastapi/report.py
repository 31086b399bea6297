"""The service of the first report, and the tasks API of the second: FastAPI, SQLAlchemy's async engine on asyncpg.

As reported: `create_async_engine(pool_size=20)` with the default overflow of 10, a session for each request, the
insert as `text()`. A request of several rows runs several statements in one transaction; with `bulk`, one executemany.
https://docs.sqlalchemy.org/en/21/orm/extensions/asyncio.html
https://docs.sqlalchemy.org/en/21/tutorial/dbapi_transactions.html (text, multiple parameters)
"""

from collections.abc import AsyncIterator
from datetime import datetime
from typing import Annotated

import cursor
import settings
from fastapi import Depends, FastAPI, HTTPException, Query
from pydantic import BaseModel, Field
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker, create_async_engine

engine = create_async_engine(settings.sqlalchemy_url("asyncpg"), pool_size=settings.POOL_SIZE)
new_session = async_sessionmaker(engine, expire_on_commit=False)
app = FastAPI()


async def session_of_request() -> AsyncIterator[AsyncSession]:
    async with new_session() as session:
        yield session


Session = Annotated[AsyncSession, Depends(session_of_request)]


class NewTask(BaseModel):
    title: str = Field(min_length=1, max_length=200)


class TaskChange(NewTask):
    done: bool


class Task(BaseModel):
    id: int
    title: str
    done: bool
    createdAt: datetime


class TaskPage(BaseModel):
    items: list[Task]
    next: str | None


COLUMNS = 'id, title, done, created_at AS "createdAt"'
INSERT_MANY = text("INSERT INTO simple_text (text) VALUES (:text)")
INSERT_TEXT = text("INSERT INTO simple_text (text) VALUES (:text) RETURNING id")
LIST_TASKS = text(f"SELECT {COLUMNS} FROM tasks WHERE id > :after ORDER BY id LIMIT :limit")
FIND_TASK = text(f"SELECT {COLUMNS} FROM tasks WHERE id = :id")
INSERT_TASK = text(f"INSERT INTO tasks (title) VALUES (:title) RETURNING {COLUMNS}")
UPDATE_TASK = text(f"UPDATE tasks SET title = :title, done = :done WHERE id = :id RETURNING {COLUMNS}")
DELETE_TASK = text("DELETE FROM tasks WHERE id = :id RETURNING id")


@app.get("/ping/")
async def ping():
    return {"ping": "pong"}


@app.get("/readyz")
async def ready(session: Session):
    await session.execute(text("SELECT 1"))
    return {"status": "ready"}


@app.get("/test-insert")
async def test_insert(session: Session, rows: Annotated[int, Query(ge=1, le=1000)] = 1, bulk: bool = False):
    watch = settings.Stopwatch()
    ids = []
    if bulk:
        # The driver's executemany, which gives no ids back.
        await session.execute(INSERT_MANY, [{"text": settings.TEXT}] * rows)
    else:
        for _ in range(rows):
            result = await session.execute(INSERT_TEXT, {"text": settings.TEXT})
            ids.append(result.scalar_one())
    await session.commit()
    return {"id": ids[0] if ids else None, **watch.read()}


@app.get("/tasks/", response_model=TaskPage)
async def list_tasks(
    session: Session, after: str | None = None, limit: Annotated[int, Query(ge=1, le=100)] = 25
):
    # One more than asked for tells whether there is a next page.
    result = await session.execute(LIST_TASKS, {"after": cursor.decode(after), "limit": limit + 1})
    rows = result.mappings().all()
    items = rows[:limit]
    return {"items": items, "next": cursor.encode(items[-1]["id"]) if len(rows) > limit else None}


@app.post("/tasks/", response_model=Task, status_code=201)
async def create_task(session: Session, task: NewTask):
    row = (await session.execute(INSERT_TASK, {"title": task.title})).mappings().one()
    await session.commit()
    return row


@app.get("/tasks/{id}", response_model=Task)
async def find_task(session: Session, id: int):
    return found((await session.execute(FIND_TASK, {"id": id})).mappings().one_or_none())


@app.put("/tasks/{id}", response_model=Task)
async def update_task(session: Session, id: int, task: TaskChange):
    result = await session.execute(UPDATE_TASK, {"id": id, "title": task.title, "done": task.done})
    row = result.mappings().one_or_none()
    await session.commit()
    return found(row)


@app.delete("/tasks/{id}", status_code=204)
async def delete_task(session: Session, id: int):
    removed = (await session.execute(DELETE_TASK, {"id": id})).scalar_one_or_none()
    await session.commit()
    found(removed)


def found(row):
    if row is None:
        raise HTTPException(404)
    return row
