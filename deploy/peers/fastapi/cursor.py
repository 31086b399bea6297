"""The opaque cursor of `GET /tasks/`: the last id of a page, which the service encodes the same way."""

import base64
import binascii
import re

from fastapi import HTTPException


def encode(task_id: int) -> str:
    return base64.urlsafe_b64encode(f"task:{task_id}".encode()).decode().rstrip("=")


def decode(cursor: str | None) -> int:
    if cursor is None:
        return 0
    try:
        text = base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)).decode()
    except (binascii.Error, UnicodeDecodeError, ValueError):
        text = ""
    match = re.fullmatch(r"task:([1-9][0-9]{0,15})", text)
    if match is None:
        raise HTTPException(400, "take `after` from the `next` of a page")
    return int(match[1])
