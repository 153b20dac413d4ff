"""Pins that inside the guard no host is reached, whatever tries and however it hides that it tried."""

import asyncio
import http.client
import os
import re
import socket
import threading
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress

import httpx
import pytest
from distillgate.calls import scope
from distillgate.cassette.guard import guarded
from distillgate.errors import NetworkBlockedError

HERE = ("127.0.0.1", 9)


def connect():
    with socket.socket() as tcp:
        tcp.connect(HERE)


def connect_ex():
    with socket.socket() as tcp:
        tcp.connect_ex(HERE)


def send_datagram():
    with socket.socket(type=socket.SOCK_DGRAM) as udp:
        udp.sendto(b"x", HERE)


def send_datagram_message():
    with socket.socket(type=socket.SOCK_DGRAM) as udp:
        udp.sendmsg([b"x"], [], 0, HERE)


def in_a_thread():
    with ThreadPoolExecutor(1) as pool:
        pool.submit(connect).result()


def on_an_event_loop():
    asyncio.run(asyncio.open_connection(*HERE))


def urlopen():
    urllib.request.build_opener(urllib.request.ProxyHandler({})).open("http://127.0.0.1:9")


def requests_get():
    requests = pytest.importorskip("requests")
    with requests.Session() as session:
        session.trust_env = False
        session.get("http://127.0.0.1:9")


def aiohttp_get():
    aiohttp = pytest.importorskip("aiohttp")

    async def get():
        async with aiohttp.ClientSession() as session:
            await session.get("http://127.0.0.1:9")

    asyncio.run(get())


def in_a_forked_process():
    if not os.fork():
        try:
            connect()
        except NetworkBlockedError as error:
            os._exit(7 if "127.0.0.1:9" in str(error) else 1)
        os._exit(0)
    assert os.waitstatus_to_exitcode(os.wait()[1]) == 7
    connect()  # the parent's own attempt is what this table's tests look for


def names_on_an_event_loop():
    async def look_up():
        await asyncio.get_running_loop().getaddrinfo("endpoint.invalid", 443)

    asyncio.run(look_up())


ATTEMPTS = [
    pytest.param(connect, "127.0.0.1:9", id="socket-connect"),
    pytest.param(connect_ex, "127.0.0.1:9", id="socket-connect_ex"),
    pytest.param(send_datagram, "127.0.0.1:9", id="socket-sendto"),
    pytest.param(send_datagram_message, "127.0.0.1:9", id="socket-sendmsg"),
    pytest.param(in_a_thread, "127.0.0.1:9", id="thread"),
    pytest.param(on_an_event_loop, "127.0.0.1:9", id="asyncio"),
    pytest.param(names_on_an_event_loop, "endpoint.invalid:443", id="asyncio-getaddrinfo"),
    pytest.param(lambda: http.client.HTTPConnection(*HERE).request("GET", "/"), "127.0.0.1:9", id="http.client"),
    pytest.param(urlopen, "127.0.0.1:9", id="urllib"),
    pytest.param(lambda: httpx.get("http://127.0.0.1:9", trust_env=False), "127.0.0.1:9", id="httpx"),
    pytest.param(requests_get, "127.0.0.1:9", id="requests"),
    pytest.param(aiohttp_get, "127.0.0.1:9", id="aiohttp"),
    pytest.param(in_a_forked_process, "127.0.0.1:9", id="forked-process"),
    pytest.param(lambda: socket.getaddrinfo("endpoint.invalid", 443), "endpoint.invalid:443", id="getaddrinfo"),
    pytest.param(lambda: socket.getaddrinfo(b"endpoint.invalid", None), "endpoint.invalid", id="getaddrinfo-bytes"),
    pytest.param(lambda: socket.gethostbyname("endpoint.invalid"), "endpoint.invalid", id="gethostbyname"),
    pytest.param(lambda: socket.gethostbyname_ex("endpoint.invalid"), "endpoint.invalid", id="gethostbyname_ex"),
    pytest.param(lambda: socket.gethostbyaddr("127.0.0.1"), "127.0.0.1", id="gethostbyaddr"),
    pytest.param(lambda: socket.getnameinfo(HERE, 0), "127.0.0.1:9", id="getnameinfo"),
]


@pytest.mark.parametrize(("attempt", "host"), ATTEMPTS)
def test_an_attempt_is_stopped_and_named(attempt, host):
    named = pytest.raises(NetworkBlockedError, match=f"tried to reach {re.escape(host)};")
    with suppress(NetworkBlockedError), guarded(), named:
        attempt()


def in_a_thread_for_an_item():
    def run():
        with suppress(NetworkBlockedError), scope("item-1"):
            connect()

    thread = threading.Thread(target=run)
    thread.start()
    thread.join()


@pytest.mark.parametrize("attempt", [connect, in_a_thread_for_an_item, on_an_event_loop])
def test_a_swallowed_attempt_is_raised_on_leaving(attempt):
    with pytest.raises(NetworkBlockedError, match=re.escape("127.0.0.1:9")), guarded(), suppress(Exception):
        attempt()


def test_an_attempt_of_anothers_thread_is_stopped_and_fails_nobody_else():
    with guarded(), suppress(Exception):
        in_a_thread()


def test_the_first_of_several_attempts_is_named():
    with pytest.raises(NetworkBlockedError, match=r"first\.invalid"), guarded():
        for host in ("first.invalid", "second.invalid"):
            with suppress(NetworkBlockedError):
                socket.gethostbyname(host)


def test_an_inner_block_that_ends_leaves_the_outer_one_closed():
    with pytest.raises(NetworkBlockedError), guarded():
        with guarded():
            pass
        connect()


def test_an_outer_attempt_is_not_held_against_an_inner_block():
    left = False
    with pytest.raises(NetworkBlockedError), guarded():
        with suppress(NetworkBlockedError):
            connect()
        with guarded():
            pass
        left = True
    assert left


def test_an_attempt_is_not_held_against_the_next_block():
    with suppress(NetworkBlockedError), guarded():
        connect()
    with guarded():
        pass


def test_an_error_of_the_block_comes_through():
    with pytest.raises(ZeroDivisionError), guarded():
        1 / 0  # noqa: B018


@pytest.mark.parametrize("leave", [None, RuntimeError])
def test_sockets_work_again_after_the_block(leave):
    with suppress(RuntimeError), guarded():
        if leave:
            raise leave
    with socket.create_server(("127.0.0.1", 0)) as server, socket.create_connection(server.getsockname()) as opened:
        assert opened.getpeername() == server.getsockname()
