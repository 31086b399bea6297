"""What schemathesis cannot know: how NDJSON is written, and what a cursor looks like."""

import base64
import json

import schemathesis
from hypothesis import strategies as st


def as_line(value):
    return json.dumps(value).encode()


@schemathesis.serializer("application/x-ndjson")
def ndjson(ctx, value):
    if isinstance(value, bytes):
        return value
    # Whatever is no list of lines becomes one line that is none.
    lines = value if isinstance(value, list) else [[value]]
    return b"".join(as_line(line) + b"\n" for line in lines)


def cursor_of(task_id):
    return base64.urlsafe_b64encode(f"task:{task_id}".encode()).decode().rstrip("=")


schemathesis.openapi.format(
    "cursor", st.integers(min_value=1, max_value=2**53 - 1).map(cursor_of)
)
