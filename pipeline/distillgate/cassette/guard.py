"""In replay no socket opens, from any thread and any library, and no program starts that could open one unseen."""

from __future__ import annotations

import os
import re
import shlex
import sys
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

from distillgate.errors import NetworkBlockedError

_EVENTS = {
    "socket.connect",
    "socket.sendto",
    "socket.sendmsg",
    "socket.getaddrinfo",
    "socket.gethostbyname",
    "socket.gethostbyaddr",
    "socket.getnameinfo",
}

_STARTS = {"subprocess.Popen", "os.system", "os.exec", "os.posix_spawn", "os.spawn", "pty.spawn"}
_WATCHED = _EVENTS | _STARTS
_HARMLESS = {"uname", "lsb_release", "ldconfig"}
"""Programs that libraries ask what machine this is."""

_lock = threading.Lock()
_depth = 0
_loopback = 0
_programs: list[frozenset[str]] = []
_attempts: list[str] = []
_installed = False


@contextmanager
def guarded(programs: Iterable[str] = ()) -> Iterator[None]:
    """Inside the block every attempt to reach a host or to start a program fails; blocks nest.

    `programs` names those that may be started. Built on an audit hook, which the interpreter calls for sockets of any
    library, in any thread; a forked process keeps it.

    Raises:
        NetworkBlockedError: on leaving, if an attempt was made that nobody reported.
    """
    global _depth, _installed
    with _lock:
        if not _installed:
            sys.addaudithook(_audit)
            _installed = True
        _depth += 1
        _programs.append(frozenset(programs))
        seen = len(_attempts)
    try:
        yield
    finally:
        with _lock:
            _depth -= 1
            _programs.pop()
            made = _attempts[seen:]
            if _depth == 0:
                _attempts.clear()
    if made:
        raise NetworkBlockedError(made[0])


@contextmanager
def loopback_allowed() -> Iterator[None]:
    """Inside the block, this machine itself may be reached in spite of `guarded`."""
    global _loopback
    _loopback += 1
    try:
        yield
    finally:
        _loopback -= 1


def _audit(event: str, arguments: tuple[Any, ...]) -> None:
    if _depth == 0 or event not in _WATCHED:  # the interpreter reports some seventy others a call
        return
    if event in _STARTS:
        _started(event, arguments)
        return
    address = arguments[0] if event.startswith("socket.get") else arguments[1]
    if address is None:
        return  # sendmsg over a connected socket: it was looked at when it connected
    if isinstance(address, str | bytes) and not event.startswith("socket.get"):
        return  # a Unix socket: it leads to no host
    host = _host(address, arguments if event == "socket.getaddrinfo" else ())
    if not (_loopback and re.fullmatch(r"(127\.[\d.]+|::1|localhost)(:\d+)?", host)):
        _stop(f"replay tried to reach {host}; in replay every answer comes from the cassette and no socket opens")


def _started(event: str, arguments: tuple[Any, ...]) -> None:
    words = _command(event, arguments)
    name = os.path.basename(words[0]) if words else "?"  # noqa: PTH119  # a Path of a command line reads oddly
    if name not in _HARMLESS.union(*_programs):
        _stop(
            f"replay tried to start {name!r}; what it does on the network cannot be seen. If it needs none, name it in "
            "replay_programs of [tool.distillgate]"
        )


def _command(event: str, arguments: tuple[Any, ...]) -> list[str]:
    if event == "os.system":
        return shlex.split(os.fsdecode(arguments[0]))
    if event in ("subprocess.Popen", "os.spawn", "pty.spawn"):
        line = arguments[0] if event == "pty.spawn" else arguments[2 if event == "os.spawn" else 1]
        words = [os.fsdecode(word) for word in ([line] if isinstance(line, str | bytes | os.PathLike) else line)]
        shell = len(words) == 3 and words[1] == "-c" and os.path.basename(words[0]) in ("sh", "bash")  # noqa: PTH119
        return shlex.split(words[2]) if shell else words
    return [os.fsdecode(arguments[0])]


def _stop(message: str) -> None:
    _attempts.append(message)
    raise NetworkBlockedError(message)


def _host(address: Any, arguments: tuple[Any, ...]) -> str:
    if isinstance(address, tuple):
        return ":".join(str(part) for part in address[:2])
    name = address.decode("ascii", "replace") if isinstance(address, bytes) else str(address)
    return f"{name}:{arguments[1]}" if len(arguments) > 1 and arguments[1] else name
