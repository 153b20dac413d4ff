"""Pins what the guard lets pass: sockets that lead to no host, and this machine where a test asks for it."""

import re
import socket
import tempfile
from pathlib import Path

import pytest
from distillgate.cassette.guard import guarded, loopback_allowed
from distillgate.errors import NetworkBlockedError


def test_a_unix_socket_is_allowed():
    with tempfile.TemporaryDirectory() as folder, guarded():
        address = str(Path(folder) / "s")
        with socket.socket(socket.AF_UNIX) as server, socket.socket(socket.AF_UNIX) as client:
            server.bind(address)
            server.listen()
            client.connect(address)
            assert client.getpeername() == address


def test_a_socket_pair_is_allowed():
    one, other = socket.socketpair()
    with one, other, guarded():
        one.sendall(b"x")
        assert other.recv(1) == b"x"


def test_a_message_over_a_socket_pair_is_allowed():
    one, other = socket.socketpair()
    with one, other, guarded():
        one.sendmsg([b"x"])
        assert other.recv(1) == b"x"


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
def test_a_test_that_asks_for_loopback_gets_it(host):
    with (
        socket.create_server(("127.0.0.1", 0)) as server,
        guarded(),
        loopback_allowed(),
        socket.create_connection((host, server.getsockname()[1])) as opened,
    ):
        assert opened.getpeername() == server.getsockname()


def test_loopback_leads_nowhere_else():
    blocked = pytest.raises(NetworkBlockedError, match=re.escape("192.0.2.1:9"))
    with blocked, guarded(), loopback_allowed(), socket.socket() as tcp:
        tcp.connect(("192.0.2.1", 9))
