"""In replay no socket opens, from any thread, and no program starts that could open one unseen."""

from __future__ import annotations

import os
import re
import shlex
import socket
import subprocess  # noqa: F401  # loads what `_posix` names
import sys
import threading
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from distillgate.calls import Scope, current
from distillgate.errors import NetworkBlockedError

_SOCKETS = {
    "socket.connect",
    "socket.sendto",
    "socket.sendmsg",
    "socket.getaddrinfo",
    "socket.gethostbyname",
    "socket.gethostbyaddr",
    "socket.getnameinfo",
}

_STARTS = {
    "subprocess.Popen",
    "os.system",
    "os.exec",
    "os.posix_spawn",
    "os.spawn",
    "os.startfile",
    "pty.spawn",
    "_winapi.CreateProcess",
}
_WATCHED = {*_SOCKETS, *_STARTS, "import"}
_HARMLESS = {"uname", "lsb_release", "ldconfig"}
"""Programs that libraries ask what machine this is."""

_SHELLS = {"sh", "bash", "dash", "zsh", "ksh"}
_TRACKER = "from multiprocessing.resource_tracker import main"
"""What a child of `multiprocessing` runs that only counts semaphores, which progress bars make."""

NATIVE = frozenset(
    {
        *("grpc", "pycurl", "curl_cffi", "primp", "rnet", "wreq", "impit", "httpr", "pyreqwest", "hf_xet"),
        *("uvloop", "winloop", "rloop", "zmq", "pynng", "confluent_kafka", "pulsar", "couchbase", "ray"),
        *("psycopg", "psycopg2", "psycopg_c", "psycopg_binary", "MySQLdb", "pymssql", "pyodbc", "obstore", "opendal"),
    }
)
"""Top-level modules that reach hosts from C, C++ or Rust, where the interpreter reports nothing."""

_lock = threading.Lock()
_depth = 0
_loopback = 0
_programs: list[frozenset[str]] = []
_libraries: list[frozenset[str]] = []
_owners: list[int] = []
"""Threads that entered a block."""

_attempts: list[str] = []
_installed = False
_posix: Any = sys.modules.get("_posixsubprocess")  # of which subprocess, imported above, keeps the function
_fork_exec = getattr(_posix, "fork_exec", None)


@contextmanager
def guarded(programs: Iterable[str] = (), libraries: Iterable[str] = ()) -> Iterator[None]:
    """Inside the block every attempt to reach a host or to start a program fails; blocks nest.

    `programs` names those that may be started, `libraries` those of `NATIVE` that may be loaded. Built on an audit
    hook, which the interpreter calls for its own sockets, in any thread; a forked process keeps it. What the hook
    cannot see is refused: children of `multiprocessing` that are not forked, and libraries that open sockets
    themselves. A process that ran before the block goes on unseen.

    Raises:
        NetworkBlockedError: on entering, if such a library is loaded; on leaving, if an attempt was made for the stage
            that nobody reported: by the thread that entered the block, or for an item.
    """
    global _depth, _installed
    allowed = frozenset(libraries)
    if loaded := sorted(name for name in NATIVE - allowed if sys.modules.get(name) is not None):
        raise NetworkBlockedError(_native(loaded[0]))
    with _lock:
        if not _installed:
            sys.addaudithook(_audit)
            _installed = True
        if _posix is not None:
            _posix.fork_exec = _unaudited
        _depth += 1
        _programs.append(frozenset(programs))
        _libraries.append(allowed)
        _owners.append(threading.get_ident())
        seen = len(_attempts)
    try:
        yield
    finally:
        with _lock:
            _depth -= 1
            _programs.pop()
            _libraries.pop()
            _owners.pop()
            made = _attempts[seen:]
            if _depth == 0:
                _attempts.clear()
                if _posix is not None:
                    _posix.fork_exec = _fork_exec
    if made:
        raise NetworkBlockedError(made[0])


@contextmanager
def loopback_allowed() -> Iterator[None]:
    """Inside the block, this machine itself may be reached in spite of `guarded`, from any thread.

    For a program that talks to a server of its own: its requests are neither recorded nor replayed, except those for
    completions and embeddings, which a tape answers wherever the model is served.
    """
    global _loopback
    with _lock:
        _loopback += 1
    try:
        yield
    finally:
        with _lock:
            _loopback -= 1


def reachable(host: str) -> bool:
    """Whether `loopback_allowed` opens a host, given as `HOST` or `HOST:PORT`."""
    if not _loopback:
        return False
    here = r"127\.[\d.]+|\[?::1\]?|(?:::ffff:)127\.[\d.]+|0\.0\.0\.0|localhost|" + re.escape(socket.gethostname())
    return re.fullmatch(rf"(?:{here})(:\d+)?", host) is not None


def _audit(event: str, arguments: tuple[Any, ...]) -> None:
    if _depth == 0 or event not in _WATCHED:  # the interpreter reports some seventy others a call
        return
    if event == "import":
        _loads(str(arguments[0]).partition(".")[0], arguments[1])
    elif event in _STARTS:
        _starts(*_command(event, arguments))
    else:
        _reaches(event, arguments)


def _reaches(event: str, arguments: tuple[Any, ...]) -> None:
    address = arguments[0] if event.startswith("socket.get") else arguments[1]
    if address is None:
        return  # sendmsg over a connected socket: it was looked at when it connected
    if isinstance(address, str | bytes) and not event.startswith("socket.get"):
        if address == _fork_server():
            _stop_program("a child of multiprocessing's fork server")
        return  # a Unix socket: it leads to no host
    host = _host(address, arguments if event == "socket.getaddrinfo" else ())
    if not reachable(host):
        _stop(f"replay tried to reach {host}; in replay every answer comes from the cassette and no socket opens")


def _loads(library: str, file: object) -> None:
    """`file` is that of a library in machine code; the interpreter tells none for what is only looked for."""
    if file is not None and library in NATIVE and not any(library in allowed for allowed in _libraries):
        _stop(_native(library))


def _native(library: str) -> str:
    return (
        f"{library} is loaded, which reaches hosts past the interpreter: what it does in replay cannot be seen. If it "
        "reaches none, name it in replay_libraries of [tool.distillgate]; else import it where no stage runs"
    )


def _starts(program: str, words: Sequence[str]) -> None:
    name = os.path.basename(program)  # noqa: PTH119  # a Path of a command line reads oddly
    if name in _SHELLS and len(words) == 3 and words[1] == "-c":
        line = words[2]
        if (more := _further_start(line)) is not None:
            _stop_program(f"a shell line with {more!r}, which may start further programs")
        try:
            first = shlex.split(line)[:1]
        except ValueError as error:
            _stop_program(f"a shell line that cannot be read ({error})")
        name = os.path.basename(first[0]) if first else "?"  # noqa: PTH119
    if name.removesuffix(".exe") not in _HARMLESS.union(*_programs):
        _stop_program(repr(name))


_PIECE = re.compile(r"\$['(]|'[^']*'|\\.|\"(?:\\.|[^\"\\])*\"|[<>]&|.", re.DOTALL)


def _further_start(line: str) -> str | None:
    """What in a shell's line may start another program than the first word; None where there is nothing."""
    for piece in _PIECE.findall(line):
        if piece[0] == '"' and len(piece) > 1:
            inside = re.sub(r"\\.", "", piece, flags=re.DOTALL)
            if found := re.search(r"`|\$\(", inside):
                return found[0]
        elif piece in ("$'", "$(") or piece in ";&|()`\n#":
            return str(piece)
    return None


def _command(event: str, arguments: tuple[Any, ...]) -> tuple[str, list[str]]:
    """The program that is to run, and its command line, whose first word may be another one."""
    if event == "os.system":
        return "sh", ["sh", "-c", os.fsdecode(arguments[0])]
    if event in ("os.startfile", "pty.spawn", "_winapi.CreateProcess"):
        line = arguments[0] or (arguments[1] if len(arguments) > 1 else "?")
        words = _words(line if event != "_winapi.CreateProcess" else str(line).split()[0].strip('"'))
        return words[0], words
    program, line = arguments[1:3] if event == "os.spawn" else arguments[:2]
    words = _words(line)
    return os.fsdecode(program) if program else (words or ["?"])[0], words


def _words(line: Any) -> list[str]:
    return [os.fsdecode(word) for word in ([line] if isinstance(line, str | bytes | os.PathLike) else line)]


def _unaudited(*arguments: Any) -> Any:
    """In the place of what `multiprocessing` starts its children with, of which the interpreter reports nothing."""
    words = _words(arguments[0])
    if not any(word.startswith(_TRACKER) for word in words):
        _starts(os.fsdecode(arguments[1][0]), words)
    return _fork_exec(*arguments)  # type: ignore[misc]


def _fork_server() -> object:
    """The address at which `multiprocessing` asks its fork server for a child; None where there is no such server."""
    module = sys.modules.get("multiprocessing.forkserver")
    return getattr(getattr(module, "_forkserver", None), "_forkserver_address", None)


def _stop_program(what: str) -> None:
    _stop(
        f"replay tried to start {what}; what it does on the network cannot be seen. If it needs none, start it without "
        "a shell and name its program in replay_programs of [tool.distillgate]"
    )


def _stop(message: str) -> None:
    if threading.get_ident() in _owners or current() != Scope():
        _attempts.append(message)  # others' telemetry is stopped, and is no failure of the stage
    raise NetworkBlockedError(message)


def _host(address: Any, arguments: tuple[Any, ...]) -> str:
    if isinstance(address, tuple):
        return ":".join(str(part) for part in address[:2])
    name = address.decode("ascii", "replace") if isinstance(address, bytes) else str(address)
    return f"{name}:{arguments[1]}" if len(arguments) > 1 and arguments[1] else name
