"""Only what belongs to a stage is on its tape: telemetry passes, unrelated tests are as they would be without us."""

import http.client
import threading

import pytest

pytest.importorskip("uvicorn", reason="the loopback endpoint comes with the extra 'test'")
import httpx
from distillgate.calls import scope
from distillgate.cassette.redact import Redactor
from distillgate.cassette.session import recording, replaying
from distillgate.errors import CassetteError, NetworkBlockedError

from tests.endpoint import Endpoint, served
from tests.serving import serving


async def collector(scope, receive, send):
    """Takes whatever is posted."""
    if scope["type"] == "http":
        await send({"type": "http.response.start", "status": 204, "headers": []})
        await send({"type": "http.response.body", "body": b""})


@pytest.fixture
def hosts():
    """The addresses of a model's endpoint and of a server that is none, as `HOST:PORT`."""
    with served(Endpoint()) as endpoint, serving(collector, log_level="error", lifespan="off") as other:
        yield tuple(url.split("/")[2] for url in (endpoint.url, other))


def ask(host):
    body = {"model": "teacher", "messages": [{"role": "user", "content": "Hello"}], "temperature": 0.0}
    return httpx.post(f"http://{host}/v1/chat/completions", json=body).status_code


def post(host):
    return httpx.post(f"http://{host}/events", json={"cpu": 0.5}).status_code


def post_plainly(host):
    connection = http.client.HTTPConnection(host)
    try:
        connection.request("POST", "/events", b"{}")
        return connection.getresponse().status
    finally:
        connection.close()


def elsewhere(act, *arguments):
    """What a call in a thread of its own came to, or ended in."""
    found = []

    def run():
        try:
            found.append(act(*arguments))
        except Exception as error:
            found.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    thread.join()
    return found[0]


@pytest.mark.parametrize("send", [post, post_plainly])
def test_telemetry_is_neither_recorded_nor_a_miss(tmp_path, hosts, send):
    endpoint, other = hosts
    tape = tmp_path / "tape.jsonl"
    with recording(tape, {}, Redactor(), origins={endpoint}) as recorder:
        assert (ask(endpoint), elsewhere(send, other)) == (200, 204)
        assert len(recorder) == 1
    with replaying(tape, "record", origins={endpoint}):
        assert ask(endpoint) == 200
        assert isinstance(elsewhere(send, other), NetworkBlockedError)  # and the stage goes on


def test_what_asks_a_model_is_recorded_wherever_it_goes(tmp_path, hosts):
    endpoint, _ = hosts
    with recording(tmp_path / "tape.jsonl", {}, Redactor(), origins=set()) as recorder:
        assert ask(endpoint) == 200
        assert len(recorder) == 1


def test_what_the_program_itself_asks_of_an_undeclared_host_is_refused_with_the_setting(tmp_path, hosts):
    endpoint, other = hosts
    with (
        pytest.raises(CassetteError, match=r'no endpoint of the profile.*hosts = \["127\.0\.0\.1"\]'),
        recording(tmp_path / "tape.jsonl", {}, Redactor(), origins={endpoint}),
        scope("item-1"),
    ):
        post(other)


def test_a_declared_host_is_recorded_and_replayed(tmp_path, hosts):
    endpoint, other = hosts
    tape = tmp_path / "tape.jsonl"
    with recording(tape, {}, Redactor(), origins={endpoint, other}) as recorder, scope("item-1"):
        assert post(other) == 204
        assert len(recorder) == 1
    with replaying(tape, "record", origins={endpoint, other}):
        assert post(other) == 204


def test_after_a_stage_clients_are_as_they_were(tmp_path, hosts):
    endpoint, other = hosts
    tape = tmp_path / "tape.jsonl"
    with recording(tape, {}, Redactor(), origins={endpoint}):
        ask(endpoint)
    with replaying(tape, "record", origins={endpoint}):
        assert ask(endpoint) == 200
    assert (post(other), post_plainly(other), ask(endpoint)) == (204, 204, 200)
