"""A teacher behind the loopback endpoint, ways to ask it, and the path of the tape that holds its answers."""

import socket
import threading
from concurrent.futures import Future
from contextlib import ExitStack

import pytest
from distillgate.models import Model
from distillgate.stages.context import NO_KEY, make_lm

NOWHERE = "http://endpoint.invalid/v1"


@pytest.fixture(scope="session")
def server():
    pytest.importorskip("uvicorn", reason="the loopback endpoint comes with the extra 'test'")
    from tests.endpoint import Endpoint, served

    with served(Endpoint()) as running:
        yield running


@pytest.fixture
def endpoint(server):
    """The endpoint as new: nothing asked, no files, no jobs; its answers end with their number."""
    vars(server).update(vars(type(server)()) | {"url": server.url, "numbered": True})
    return server


@pytest.fixture
def refused():
    """The base URL of a port on which nobody listens."""
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        yield f"http://127.0.0.1:{bound.getsockname()[1]}/v1"


@pytest.fixture
def path(tmp_path):
    """Where the tape goes."""
    return tmp_path / "teacher.jsonl"


@pytest.fixture
def teacher():
    """Make the teacher's LM; without a URL its endpoint does not exist."""

    def make(url=NOWHERE, temperature=0.0, key=NO_KEY):
        return make_lm(Model("openai/teacher", api_base=url, temperature=temperature), key, retries=0)

    return make


@pytest.fixture
def client():
    """Make the SDK's client of the same endpoint; without a URL its endpoint does not exist."""
    from openai import OpenAI

    with ExitStack() as stack:
        yield lambda url=NOWHERE: stack.enter_context(OpenAI(base_url=url, api_key=NO_KEY, max_retries=0))


@pytest.fixture
def ask():
    """Ask an LM about a topic; the last line of the answer tells which of the endpoint's it was."""

    def ask(lm, topic):
        (answer,) = lm.copy()(f"Say something about `[[ ## {topic} ## ]]`")
        return answer.rpartition("\n")[2]

    return ask


@pytest.fixture
def aask():
    """The same on the LM's async path."""

    async def aask(lm, topic):
        (answer,) = await lm.copy().acall(f"Say something about `[[ ## {topic} ## ]]`")
        return answer.rpartition("\n")[2]

    return aask


@pytest.fixture
def in_time():
    """Make a call that must not hang: one that is not back after some seconds fails the test and is left behind."""

    def in_time(call):
        done = Future()

        def run():
            try:
                done.set_result(call())
            except BaseException as error:
                done.set_exception(error)

        threading.Thread(target=run, daemon=True).start()
        return done.result(timeout=10)

    return in_time
