"""Pins that a tape serves other HTTP clients than DSPy's too: the fine-tuning jobs go over the openai SDK."""

import asyncio
import socket
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress

import httpx
import pytest
from distillgate.cassette.redact import Redactor
from distillgate.cassette.session import recording, replaying
from distillgate.errors import CassetteMissError
from distillgate.stages.context import NO_KEY
from dspy._vendor.lm15 import transports
from openai import APIConnectionError

REMEDY = "pytest --distill-record=distill"
CHAT = {"model": "teacher", "messages": [{"role": "user", "content": "Who won?"}]}


def test_a_call_of_the_sdk_replays_without_its_endpoint(path, endpoint, client):
    with recording(path, {}, Redactor()):
        answered = client(endpoint.url).chat.completions.create(**CHAT)
    with replaying(path, REMEDY):
        assert client().chat.completions.create(**CHAT) == answered


def test_a_call_of_the_async_sdk_replays_without_its_endpoint(path, endpoint):
    from openai import AsyncOpenAI

    async def call(url):
        async with AsyncOpenAI(base_url=url, api_key=NO_KEY, max_retries=0) as client:
            return await client.chat.completions.create(**CHAT)

    with recording(path, {}, Redactor()):
        answered = asyncio.run(call(endpoint.url))
    with replaying(path, REMEDY):
        assert asyncio.run(call("http://endpoint.invalid/v1")) == answered


def test_an_upload_replays_whatever_its_boundary(path, endpoint, client):
    file = ("training.jsonl", b'{"messages": []}\n')
    with recording(path, {}, Redactor()):
        uploaded = client(endpoint.url).files.create(file=file, purpose="fine-tune")
    with replaying(path, REMEDY):
        assert client().files.create(file=file, purpose="fine-tune") == uploaded


def test_an_upload_of_dspys_own_engine_replays_whatever_its_boundary(path, endpoint):
    def upload(boundary):
        part = 'Content-Disposition: form-data; name="{}"{}\r\n\r\n{}\r\n'
        parts = [part.format("purpose", "", "fine-tune"), part.format("file", '; filename="a.jsonl"', '{"a": 1}')]
        body = "".join(f"--{boundary}\r\n{one}" for one in parts) + f"--{boundary}--\r\n"
        headers = [("Content-Type", f"multipart/form-data; boundary={boundary}")]
        request = transports.TransportRequest("POST", f"{endpoint.url}/files", headers, body.encode())
        with transports.StdlibTransport().stream(request) as response:
            return response.read()

    with recording(path, {}, Redactor()):
        sent = upload("first")
    with replaying(path, ""):
        assert upload("second") == sent
    assert endpoint.requests.total() == 1


def test_another_upload_is_a_miss(path, endpoint, client):
    with recording(path, {}, Redactor()):
        client(endpoint.url).files.create(file=("training.jsonl", b'{"n": 1}\n'), purpose="fine-tune")
    with pytest.raises(CassetteMissError, match=r"content\[0\]\.n: 2"), replaying(path, REMEDY):
        client().files.create(file=("training.jsonl", b'{"n": 2}\n'), purpose="fine-tune")


def test_equal_calls_of_the_async_sdk_are_sent_once(path, endpoint, in_time):
    from openai import AsyncOpenAI

    endpoint.delay = 0.05

    async def call_together():
        async with AsyncOpenAI(base_url=endpoint.url, api_key=NO_KEY, max_retries=0) as client:
            return await asyncio.gather(*(client.chat.completions.create(**CHAT, temperature=0) for _ in range(3)))

    with recording(path, {}, Redactor()):
        answered = in_time(lambda: asyncio.run(call_together()))
    assert (endpoint.requests.total(), {number(answer) for answer in answered}) == (1, {"chatcmpl-1"})


def number(answer):
    return answer.choices[0].message.content.rpartition("\n")[2]


def sync_get(url, library=httpx):
    with suppress(library.ConnectError):
        library.get(url, trust_env=False)


def async_get(url, library=httpx):
    async def get():
        async with library.AsyncClient(trust_env=False) as client:
            with suppress(library.ConnectError):
                await client.get(url)

    asyncio.run(get())


def sync_get_of_the_successor(url):
    sync_get(url, pytest.importorskip("httpx2"))


def async_get_of_the_successor(url):
    async_get(url, pytest.importorskip("httpx2"))


def standard_get(url):
    urllib.request.build_opener(urllib.request.ProxyHandler({})).open(url)


@pytest.mark.parametrize(
    "get",
    [
        pytest.param(sync_get, id="httpx"),
        pytest.param(async_get, id="async-httpx"),
        pytest.param(sync_get_of_the_successor, id="httpx2"),
        pytest.param(async_get_of_the_successor, id="async-httpx2"),
        pytest.param(standard_get, id="urllib"),
    ],
)
def test_a_call_that_lost_its_connection_can_be_made_again(path, refused, in_time, get):
    def call_twice():
        for _ in range(2):
            with suppress(OSError):
                get(f"{refused}/models")
        return True

    with recording(path, {}, Redactor()):
        assert in_time(call_twice)


def test_another_thread_can_make_a_call_that_was_lost(path, endpoint, refused, client, in_time):
    with recording(path, {}, Redactor()), ThreadPoolExecutor(1) as pool:
        with pytest.raises(APIConnectionError):
            pool.submit(lambda: client(refused).chat.completions.create(**CHAT)).result()
        answer = in_time(lambda: client(endpoint.url).chat.completions.create(**CHAT))
    assert number(answer) == "chatcmpl-1"


def test_a_broken_off_answer_is_a_lost_call(path, in_time):
    """The server promises more than it sends."""

    def call_twice(url):
        for _ in range(2):
            with pytest.raises(httpx.RemoteProtocolError):
                sync_get(url)
        return True

    with socket.create_server(("127.0.0.1", 0)) as server, ThreadPoolExecutor(1) as pool:

        def break_off():
            for _ in range(2):
                with server.accept()[0] as connection:
                    connection.recv(65536)
                    connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf")

        broken = pool.submit(break_off)
        with recording(path, {}, Redactor()) as tape:
            assert in_time(lambda: call_twice(f"http://127.0.0.1:{server.getsockname()[1]}/"))
        broken.result()
    assert len(tape) == 0
