"""What the environment sets; the only file that reads it. Names are those of the service (README)."""

import os
import time

DATABASE_URL = os.environ["DATABASE_URL"]
POOL_SIZE = int(os.environ.get("POOL_SIZE", "20"))
INSERT_STRATEGY = os.environ.get("INSERT_STRATEGY", "prepared")
# What the database of the third report took to answer from afar, added to each statement of `blocking`.
DATABASE_DELAY_S = float(os.environ.get("DATABASE_DELAY_MS", "0")) / 1000

TEXT = "a row of the insert test"


def sqlalchemy_url(driver: str) -> str:
    """SQLAlchemy names its driver in the URL's scheme."""
    return f"postgresql+{driver}://{DATABASE_URL.split('://', 1)[1]}"


class Stopwatch:
    """The report's reading: the wall and the whole process's CPU, from start to end of one request."""

    def __init__(self) -> None:
        self.wall = time.perf_counter()
        self.cpu = time.process_time()

    def read(self) -> dict[str, float]:
        return {
            "duration": time.perf_counter() - self.wall,
            "cpu_duration": time.process_time() - self.cpu,
        }
