"""A loopback endpoint, and a recorder whose processes end where they are told to."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

TOPICS = ("politics", "technology", "sports", "health", "finance")


@pytest.fixture(scope="session")
def endpoint():
    pytest.importorskip("uvicorn", reason="the loopback endpoint comes with the extra 'test'")
    from tests.endpoint import Endpoint, served

    with served(Endpoint()) as running:
        yield running


@pytest.fixture(scope="session")
def record(endpoint):
    """Record `path` in another process, in which `event` happens after so many answers; returns what became of it."""
    root = Path(__file__).parents[2]
    command = [sys.executable, "-m", "tests.faults.recorder"]
    with subprocess.Popen(command, cwd=root, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:

        def record(path, event="nothing", after=0):
            order = {"path": str(path), "url": endpoint.url, "topics": TOPICS, "event": event, "after": after}
            process.stdin.write(json.dumps(order) + "\n")
            process.stdin.flush()
            return json.loads(process.stdout.readline())

        yield record


@pytest.fixture(scope="session")
def calls():
    """How many calls a whole recording makes."""
    return len(TOPICS)
