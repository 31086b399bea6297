"""FastAPI with SQLAlchemy's ORM on asyncpg.

https://docs.sqlalchemy.org/en/21/orm/extensions/asyncio.html (session, mapped class) and
https://docs.sqlalchemy.org/en/21/orm/session_basics.html (add, flush, add_all, commit)
"""

import time
from collections.abc import AsyncIterator
from typing import Annotated

from fastapi import Depends, FastAPI, Query
from serve import DATABASE_URL, POOL_SIZE, TEXT, serve
from sqlalchemy import BigInteger, Identity
from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker, create_async_engine
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

engine = create_async_engine(f"postgresql+asyncpg://{DATABASE_URL.split('://', 1)[1]}", pool_size=POOL_SIZE)
new_session = async_sessionmaker(engine, expire_on_commit=False)
app = FastAPI()


class Base(DeclarativeBase):
    pass


class SimpleText(Base):
    __tablename__ = "simple_text"
    id: Mapped[int] = mapped_column(BigInteger, Identity(always=True), primary_key=True)
    text: Mapped[str]


async def session_of_request() -> AsyncIterator[AsyncSession]:
    async with new_session() as session:
        yield session


@app.get("/ping/")
async def ping():
    return {"ping": "pong"}


@app.get("/test-insert")
async def test_insert(
    session: Annotated[AsyncSession, Depends(session_of_request)],
    rows: Annotated[int, Query(ge=1, le=1000)] = 1,
    bulk: bool = False,
):
    start = time.perf_counter()
    texts = [SimpleText(text=TEXT) for _ in range(rows)]
    for one in texts:
        session.add(one)
        if not bulk:
            await session.flush()
    await session.commit()
    return {"id": texts[0].id, "duration": time.perf_counter() - start, "cpu_duration": None}


if __name__ == "__main__":
    serve(app)
