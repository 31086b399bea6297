"""FastAPI with psycopg 3.

https://www.psycopg.org/psycopg3/docs/advanced/pool.html (the pool in a FastAPI lifespan) and
https://www.psycopg.org/psycopg3/docs/api/cursors.html (executemany with returning)
"""

import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Annotated

from fastapi import FastAPI, Query
from psycopg_pool import AsyncConnectionPool
from serve import DATABASE_URL, POOL_SIZE, TEXT, serve

pool = AsyncConnectionPool(DATABASE_URL, min_size=POOL_SIZE, max_size=POOL_SIZE, open=False)
STATEMENT = "INSERT INTO simple_text (text) VALUES (%s) RETURNING id"


@asynccontextmanager
async def lifespan(_: FastAPI) -> AsyncIterator[None]:
    async with pool:
        yield


app = FastAPI(lifespan=lifespan)


@app.get("/ping/")
async def ping():
    return {"ping": "pong"}


@app.get("/test-insert")
async def test_insert(rows: Annotated[int, Query(ge=1, le=1000)] = 1, bulk: bool = False):
    start = time.perf_counter()
    # The block is one transaction, committed at its end.
    async with pool.connection() as connection:
        if bulk:
            cursor = connection.cursor()
            await cursor.executemany(STATEMENT, [(TEXT,)] * rows, returning=True)
            (first,) = await cursor.fetchone()
        else:
            cursors = [await connection.execute(STATEMENT, (TEXT,)) for _ in range(rows)]
            (first,) = await cursors[0].fetchone()
    return {"id": first, "duration": time.perf_counter() - start, "cpu_duration": None}


if __name__ == "__main__":
    serve(app)
