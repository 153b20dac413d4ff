"""Pins that a program may talk to a server of its own while it is recorded and replayed: neither touches a tape."""

import asyncio
import http.client
import json
import threading
import urllib.request
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import httpx
import pytest
from distillgate.cassette.format import read
from distillgate.cassette.guard import loopback_allowed
from distillgate.cassette.redact import Redactor
from distillgate.cassette.session import recording, replaying
from distillgate.errors import CassetteMissError, NetworkBlockedError

CHAT = {"model": "teacher", "messages": [{"role": "user", "content": "Who won?"}]}


class Own(BaseHTTPRequestHandler):
    """Answers with the body it was sent."""

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *arguments):
        """Quiet."""


@contextmanager
def own_server(host="127.0.0.1"):
    """Made inside of the replay, as a program does; gives its port."""
    with ThreadingHTTPServer((host, 0), Own) as server:
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        yield server.server_port
        server.shutdown()


def with_http_client(port):
    connection = http.client.HTTPConnection("localhost", port)
    connection.request("POST", "/", b"own")
    answer = connection.getresponse().read()
    connection.close()
    return answer


def with_urllib(port):
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with opener.open(f"http://127.0.0.1:{port}/", data=b"own") as answer:
        return answer.read()


def with_httpx(port):
    return httpx.post(f"http://127.0.0.1:{port}/", content=b"own", trust_env=False).content


def with_httpx_async(port):
    async def post():
        async with httpx.AsyncClient(trust_env=False) as client:
            return (await client.post(f"http://localhost:{port}/", content=b"own")).content

    return asyncio.run(post())


def with_requests(port):
    requests = pytest.importorskip("requests")
    with requests.Session() as session:
        session.trust_env = False
        return session.post(f"http://127.0.0.1:{port}/", data=b"own").content


def with_aiohttp(port):
    aiohttp = pytest.importorskip("aiohttp")

    async def post():
        async with aiohttp.ClientSession() as session, session.post(f"http://127.0.0.1:{port}/", data=b"own") as answer:
            return await answer.read()

    return asyncio.run(post())


ASK = [with_http_client, with_urllib, with_httpx, with_httpx_async, with_requests, with_aiohttp]
ask = pytest.mark.parametrize("ask", ASK, ids=lambda ask: ask.__name__.removeprefix("with_"))


@ask
def test_a_server_of_its_own_answers_in_replay_and_is_on_no_tape(path, endpoint, ask):
    def program(url):
        with loopback_allowed(), own_server() as port:
            return ask(port), httpx.post(f"{url}/chat/completions", json=CHAT, trust_env=False).json()

    with recording(path, {}, Redactor()):
        recorded = program(endpoint.url)
    with replaying(path, ""):
        replayed = program("http://endpoint.invalid/v1")
    assert replayed == recorded
    assert replayed[0] == b"own"
    assert len(read(path).interactions) == 1


def test_a_server_may_listen_on_every_address(path, endpoint):
    with recording(path, {}, Redactor()):
        httpx.post(f"{endpoint.url}/chat/completions", json=CHAT, trust_env=False)
    with replaying(path, "", whole=False), loopback_allowed(), own_server("") as port:
        assert with_http_client(port) == b"own"


def test_a_model_on_this_machine_is_replayed_all_the_same(path, endpoint):
    """It must not be asked live because the program has a server of its own."""
    with recording(path, {}, Redactor()):
        httpx.post(f"{endpoint.url}/chat/completions", json=CHAT, trust_env=False)
    asked = len(endpoint.bodies)
    missed = pytest.raises(CassetteMissError)
    with missed, replaying(path, ""), loopback_allowed(), suppress(CassetteMissError):
        httpx.post(f"{endpoint.url}/chat/completions", json=CHAT, trust_env=False)
        httpx.post(f"{endpoint.url}/chat/completions", json=CHAT | {"seed": 1}, trust_env=False)
    assert len(endpoint.bodies) == asked


@pytest.mark.parametrize("url", ["http://192.0.2.1:9/", "http://127.0.0.1.example.invalid/"])
def test_no_other_host_answers(path, endpoint, url):
    with recording(path, {}, Redactor()):
        httpx.post(f"{endpoint.url}/chat/completions", json=CHAT, trust_env=False)
    stopped = pytest.raises((CassetteMissError, NetworkBlockedError))
    with stopped, replaying(path, ""), loopback_allowed():
        httpx.post(url, content=json.dumps({}), trust_env=False)
