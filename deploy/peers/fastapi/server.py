"""Runs one of the applications with uvicorn, as `uvicorn APP:app --workers WORKERS` would.

`uvicorn[standard]` brings uvloop and httptools, and uvicorn uses them by itself. Its access log is off, as ours is.
"""

import os

import uvicorn

if __name__ == "__main__":
    uvicorn.run(
        f"{os.environ.get('APP', 'report')}:app",
        host=os.environ.get("HOST", "127.0.0.1"),
        port=int(os.environ.get("PORT", "8000")),
        workers=int(os.environ.get("WORKERS", "1")),
        access_log=os.environ.get("ACCESS_LOG", "off") == "on",
        log_level=os.environ.get("LOG_LEVEL", "warning"),
    )
