"""FastAPI with asyncpg.

https://magicstack.github.io/asyncpg/current/usage.html (connection pools, transactions) and
https://magicstack.github.io/asyncpg/current/api/index.html (fetchmany)
"""

import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Annotated

import asyncpg
from fastapi import FastAPI, Query
from serve import DATABASE_URL, POOL_SIZE, TEXT, serve

pool: asyncpg.Pool
STATEMENT = "INSERT INTO simple_text (text) VALUES ($1) RETURNING id"


@asynccontextmanager
async def lifespan(_: FastAPI) -> AsyncIterator[None]:
    global pool
    async with asyncpg.create_pool(DATABASE_URL, min_size=POOL_SIZE, max_size=POOL_SIZE) as pool:
        yield


app = FastAPI(lifespan=lifespan)


@app.get("/ping/")
async def ping():
    return {"ping": "pong"}


@app.get("/test-insert")
async def test_insert(rows: Annotated[int, Query(ge=1, le=1000)] = 1, bulk: bool = False):
    start = time.perf_counter()
    async with pool.acquire() as connection:
        if bulk:
            records = await connection.fetchmany(STATEMENT, [(TEXT,)] * rows)
            ids = [record["id"] for record in records]
        elif rows == 1:
            ids = [await connection.fetchval(STATEMENT, TEXT)]
        else:
            async with connection.transaction():
                ids = [await connection.fetchval(STATEMENT, TEXT) for _ in range(rows)]
    return {"id": ids[0], "duration": time.perf_counter() - start, "cpu_duration": None}


if __name__ == "__main__":
    serve(app)
