"""Runs a FastAPI application as `uvicorn module:app` would, without an access log."""

import os

import uvicorn
from fastapi import FastAPI

DATABASE_URL = os.environ["DATABASE_URL"]
POOL_SIZE = int(os.environ.get("POOL_SIZE", "20"))
TEXT = "a row of the insert test"


def serve(app: FastAPI) -> None:
    uvicorn.run(
        app,
        host=os.environ.get("HOST", "127.0.0.1"),
        port=int(os.environ.get("PORT", "8000")),
        access_log=False,
        log_level="warning",
    )
