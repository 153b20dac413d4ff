"""In replay no socket opens, from any thread and any library."""

from __future__ import annotations

import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from pipeline.errors import NetworkBlockedError

_EVENTS = {
    "socket.connect",
    "socket.sendto",
    "socket.sendmsg",
    "socket.getaddrinfo",
    "socket.gethostbyname",
    "socket.gethostbyaddr",
    "socket.getnameinfo",
}

_lock = threading.Lock()
_depth = 0
_attempts: list[str] = []
_installed = False


@contextmanager
def guarded() -> Iterator[None]:
    """Inside the block every attempt to reach a host fails; blocks nest.

    Built on an audit hook, which the interpreter calls for sockets of any library, in any thread.

    Raises:
        NetworkBlockedError: on leaving, if an attempt was made that nobody reported.
    """
    global _depth, _installed
    with _lock:
        if not _installed:
            sys.addaudithook(_audit)
            _installed = True
        _depth += 1
        seen = len(_attempts)
    try:
        yield
    finally:
        with _lock:
            _depth -= 1
            made = _attempts[seen:]
            if _depth == 0:
                _attempts.clear()
    if made:
        raise NetworkBlockedError(_message(made[0]))


def _audit(event: str, arguments: tuple[Any, ...]) -> None:
    if _depth == 0 or event not in _EVENTS:
        return
    address = arguments[0] if event.startswith("socket.get") else arguments[1]
    if address is None:
        return  # sendmsg over a connected socket: it was looked at when it connected
    if isinstance(address, str | bytes) and not event.startswith("socket.get"):
        return  # a Unix socket: it leads to no host
    host = _host(address, arguments if event == "socket.getaddrinfo" else ())
    _attempts.append(host)
    raise NetworkBlockedError(_message(host))


def _host(address: Any, arguments: tuple[Any, ...]) -> str:
    if isinstance(address, tuple):
        return ":".join(str(part) for part in address[:2])
    name = address.decode("ascii", "replace") if isinstance(address, bytes) else str(address)
    return f"{name}:{arguments[1]}" if len(arguments) > 1 and arguments[1] else name


def _message(host: str) -> str:
    return f"replay tried to reach {host}; in replay every answer comes from the cassette and no socket opens"
