"""The load of the second and third report, with their tool: the tasks API from 200 users, 20 more each second.

    pip install --require-hashes -r loadtests/locust/requirements.txt
    locust --config loadtests/locust/locust.conf --host http://127.0.0.1:8000 TaskUser
    locust --config loadtests/locust/locust.conf --host http://127.0.0.1:8000 --headless --run-time 60s TaskUser
    locust … InsertUser       the first report's endpoint instead

It runs against the service and against every peer: their routes are the same. Locust itself costs some 100 us a
request, on one core, so one process sends no more than a few thousand requests/s; past that, `--processes 4`, or k6.
"""

import random

from locust import constant, events, task
from locust.contrib.fasthttp import FastHttpUser

OWN_AT_MOST = 50


class TaskUser(FastHttpUser):
    """75 % reads, 20 % writes, 5 % deletes. Each user changes and deletes only tasks that it made itself."""

    wait_time = constant(0)

    def on_start(self):
        self.own: list[int] = []

    @task(40)
    def list_tasks(self):
        self.client.get("/tasks/?limit=25", name="GET /tasks/")

    @task(35)
    def read_task(self):
        if self.own:
            self.client.get(f"/tasks/{random.choice(self.own)}", name="GET /tasks/:id")
        else:
            self.list_tasks()

    @task(15)
    def create_task(self):
        with self.client.post("/tasks/", json={"title": "from Locust"}, name="POST /tasks/") as response:
            if response.status_code == 201:
                self.own.append(response.json()["id"])
                del self.own[:-OWN_AT_MOST]

    @task(5)
    def change_task(self):
        if self.own:
            change = {"title": "changed by Locust", "done": True}
            self.client.put(f"/tasks/{random.choice(self.own)}", json=change, name="PUT /tasks/:id")
        else:
            self.create_task()

    @task(5)
    def delete_task(self):
        if self.own:
            id = self.own.pop(random.randrange(len(self.own)))
            self.client.delete(f"/tasks/{id}", name="DELETE /tasks/:id")
        else:
            self.create_task()


class InsertUser(FastHttpUser):
    """The first report's endpoint, one row a request."""

    wait_time = constant(0)

    @task
    def insert(self):
        self.client.get("/test-insert", name="GET /test-insert")


@events.quitting.add_listener
def fail_on_errors(environment, **_):
    """Errors fail the run, as the thresholds of the k6 scenarios do."""
    if environment.stats.total.fail_ratio > 0.001:
        environment.process_exit_code = 1
