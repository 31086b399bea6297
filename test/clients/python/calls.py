"""Makes every call of the service through a client that openapi-python-client generated: python calls.py URL"""

import sys

from insertlab_client import Client
from insertlab_client.api.health import is_alive, is_ready
from insertlab_client.api.lab import ping, test_insert
from insertlab_client.api.tasks import create_task, delete_task, get_task, list_tasks, replace_task
from insertlab_client.api.texts import create_text
from insertlab_client.models import CreateTaskBody, CreateTextBody, ReplaceTaskBody

client = Client(base_url=sys.argv[1])

assert ping.sync(client=client).ping == "pong"
assert len(test_insert.sync(client=client, rows=2).ids) == 2
assert create_text.sync(client=client, body=CreateTextBody(text="from a generated client")).id > 0

# The generator leaves out bodies of type application/x-ndjson; its HTTP client can send them.
stream = client.get_httpx_client().post(
    "/texts/bulk", content='{"text":"first"}\n{"text":"second"}\n', headers={"content-type": "application/x-ndjson"}
)
assert stream.json() == {"count": 2}

task = create_task.sync(client=client, body=CreateTaskBody(title="write the report"))
replaced = replace_task.sync(task.id, client=client, body=ReplaceTaskBody(title="send it", done=True))
assert replaced.done and get_task.sync(task.id, client=client).to_dict() == replaced.to_dict()
page = list_tasks.sync(client=client, limit=1)
assert page.items[0].id == task.id and page.next_ is None
assert delete_task.sync_detailed(task.id, client=client).status_code == 204
assert get_task.sync(task.id, client=client).code == "not_found"

assert is_alive.sync_detailed(client=client).status_code == 200
assert is_ready.sync(client=client).status == "ok"
print("all calls are right")
