"""The inserts of `report.py` as fast as they get without leaving Python and FastAPI.

asyncpg without SQLAlchemy above it (it prepares and caches each statement itself), Starlette's plain route in place
of FastAPI's (no dependency and no response to validate on the hot path), orjson, and with
`INSERT_STRATEGY=batched` one statement for all rows that arrived while the last one ran.
https://magicstack.github.io/asyncpg/current/usage.html
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import asyncpg
import orjson
import settings
from fastapi import FastAPI
from starlette.requests import Request
from starlette.responses import Response

pool: asyncpg.Pool
insert: Callable[[int], Awaitable[int]]


@asynccontextmanager
async def lifespan(_: FastAPI) -> AsyncIterator[None]:
    global pool, insert
    async with asyncpg.create_pool(
        settings.DATABASE_URL, min_size=settings.POOL_SIZE, max_size=settings.POOL_SIZE
    ) as pool:
        insert = GroupCommit().insert if settings.INSERT_STRATEGY == "batched" else insert_each
        yield


app = FastAPI(lifespan=lifespan)


async def insert_each(rows: int) -> int:
    statement = "INSERT INTO simple_text (text) VALUES ($1) RETURNING id"
    async with pool.acquire() as connection:
        if rows == 1:
            return await connection.fetchval(statement, settings.TEXT)
        async with connection.transaction():
            ids = [await connection.fetchval(statement, settings.TEXT) for _ in range(rows)]
        return ids[0]


class GroupCommit:
    """Requests wait only while a batch is in flight, and are answered after theirs has committed."""

    STATEMENT = """
        MERGE INTO simple_text USING unnest($1::text[]) WITH ORDINALITY AS new (text, position) ON false
        WHEN NOT MATCHED THEN INSERT (text) VALUES (new.text)
        RETURNING new.position, simple_text.id"""

    def __init__(self) -> None:
        self.waiting: list[tuple[int, asyncio.Future[int]]] = []
        self.flushing: asyncio.Task[None] | None = None

    def insert(self, rows: int) -> asyncio.Future[int]:
        answer = asyncio.get_running_loop().create_future()
        self.waiting.append((rows, answer))
        if self.flushing is None:
            self.flushing = asyncio.create_task(self.flush())
        return answer

    async def flush(self) -> None:
        while self.waiting:
            batch, self.waiting = self.waiting, []
            try:
                texts = [settings.TEXT] * sum(rows for rows, _ in batch)
                ids = dict(await pool.fetch(self.STATEMENT, texts))
                position = 1
                for rows, answer in batch:
                    if not answer.done():
                        answer.set_result(ids[position])
                    position += rows
            except Exception as error:
                for _, answer in batch:
                    if not answer.done():
                        answer.set_exception(error)
        self.flushing = None


def json(content: object) -> Response:
    return Response(orjson.dumps(content), media_type="application/json")


async def ping(_: Request) -> Response:
    return json({"ping": "pong"})


async def ready(_: Request) -> Response:
    await pool.execute("SELECT 1")
    return json({"status": "ready"})


async def test_insert(request: Request) -> Response:
    watch = settings.Stopwatch()
    rows = int(request.query_params.get("rows", "1"))
    if not 1 <= rows <= 1000:
        return Response("rows: from 1 to 1000", status_code=422)
    return json({"id": await insert(rows), **watch.read()})


app.add_route("/ping/", ping)
app.add_route("/readyz", ready)
app.add_route("/test-insert", test_insert)
