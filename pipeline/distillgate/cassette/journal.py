"""A cassette while it is recorded: on disk call by call, so that a killed process loses at most the call in flight."""

from __future__ import annotations

import errno
import os
import sys
import zlib
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any

import orjson

from distillgate.cassette.format import FORMAT, decode, header_line
from distillgate.cassette.interaction import Interaction
from distillgate.cassette.lines import line_of
from distillgate.cassette.redact import Redactor
from distillgate.errors import CassetteError
from distillgate.files import write_atomically, writing

if sys.platform != "win32":
    import fcntl


class Journal:
    """A cassette being recorded: every interaction is on disk before its caller goes on.

    A killed process leaves complete lines and at most one cut off at the end; a power failure may leave anything. Each
    line has a checksum (CRC-32, behind a tab): opening it again drops those that are damaged and keeps the others.
    """

    def __init__(self, path: Path, header: dict[str, Any], redactor: Redactor) -> None:
        """Open or resume `path`; `recovered` holds what an earlier process recorded.

        A resumed recording is one of today: `header` counts, and names the day on which it was `begun`.

        Raises:
            CassetteError: another process is recording into it, a line of it is broken, or it cannot be written.
        """
        self.path = path
        self._redactor = redactor
        self.recovered: list[Interaction] = []
        self.dropped = 0
        """Damaged lines that were left out of it: their calls are made again."""
        self.header = header
        self.failure: CassetteError | None = None
        """Why nothing is recorded any more: a line may be cut off, and one behind it would be lost with it."""
        with ExitStack() as undo, writing(path):
            path.parent.mkdir(parents=True, exist_ok=True)
            self._lock = Lock(path)
            undo.callback(self._lock.release)
            self._file = undo.enter_context(path.open("a+b", buffering=0))
            self._take_up(header)
            undo.pop_all()

    def _take_up(self, header: dict[str, Any]) -> None:
        self._file.seek(0)
        *ended, rest = self._file.read().split(b"\n")
        kept = []
        for number, line in enumerate(ended, start=1):
            if (content := unsealed(line)) is not None:
                kept.append(content)
            elif _is_json(line):
                raise CassetteError(
                    f"{self.path}:{number}: a line without a checksum; another version began this recording. Finish it "
                    f"with that version, or give it up and record anew: rm {self.path}"
                )
        self.dropped = len(ended) - len(kept) + bool(rest)
        if not kept or not kept[0].startswith(b'{"distillgate":'):
            kept.insert(0, self._head())
        recording = decode(self.path, kept)
        self.recovered = recording.interactions
        begun = recording.header.get("begun") or recording.header.get("recorded")
        if begun != header.get("recorded"):
            self.header = {**header, "begun": begun}
        if self.dropped or not ended:
            self._replace(kept)

    def append(self, interaction: Interaction) -> bytes:
        """Add one interaction and wait until it is on disk; returns its line, secrets replaced.

        Raises:
            CassetteError: it cannot be written, or one before it could not.
        """
        with self._failing_for_good():
            line = line_of(self._redactor.interaction(interaction))
            self._append(line)
        return line

    def rewrite(self, interactions: list[Interaction]) -> None:
        """Replace everything recorded so far, atomically.

        Raises:
            CassetteError: it cannot be written, or an interaction before could not.
        """
        with self._failing_for_good():
            self._replace([self._head(), *(line_of(self._redactor.interaction(one)) for one in interactions)])

    def close(self) -> None:
        """Close the file; it stays for the next process to resume."""
        self._file.close()
        self._lock.release()

    def discard(self) -> None:
        """Close the file and delete it: its tape is whole."""
        self._file.close()
        with writing(self.path):
            self.path.unlink(missing_ok=True)
        self._lock.release()

    @contextmanager
    def _failing_for_good(self) -> Iterator[None]:
        if self.failure is not None:
            raise self.failure
        try:
            with writing(self.path):
                yield
        except CassetteError as error:
            self.failure = error
            raise

    def _head(self) -> bytes:
        return header_line({"format": FORMAT, **self._redactor.clean(self.header)})

    def _replace(self, lines: Iterable[bytes]) -> None:
        self._file.close()
        write_atomically(self.path, b"".join(sealed(line) + b"\n" for line in lines))
        self._file = self.path.open("ab", buffering=0)

    def _append(self, line: bytes) -> None:
        rest = memoryview(sealed(line) + b"\n")
        while rest:
            rest = rest[self._file.write(rest) :]
        os.fsync(self._file.fileno())
        # written to a file that lies nowhere any more, a line would be on no disk
        if not os.path.samestat(os.fstat(self._file.fileno()), self.path.stat()):
            raise FileNotFoundError(errno.ENOENT, "another file has taken its place")


def sealed(line: bytes) -> bytes:
    """A line with its checksum."""
    return line + b"\t" + format(zlib.crc32(line), "08x").encode()


def unsealed(line: bytes) -> bytes | None:
    """A line without its checksum; None where it is not the one that was written."""
    content, _, _ = line.rpartition(b"\t")
    return content if sealed(content) == line else None


def _is_json(line: bytes) -> bool:
    try:
        return isinstance(orjson.loads(line), dict)
    except orjson.JSONDecodeError:
        return False


class Lock:
    """Keeps a journal to one process at a time: two that record into it would cut off each other's lines.

    It is gone with its process, however that ends; Windows has none. It lies on a file of its own beside the journal,
    because a journal that is rewritten is another file afterwards.
    """

    def __init__(self, journal: Path) -> None:
        """Take the journal's lock.

        Raises:
            CassetteError: a recording holds it; the message names its process.
        """
        self._path = journal.with_name(f".{journal.name}.lock")
        if sys.platform == "win32":
            return
        while True:
            self._file = self._path.open("a+", encoding="ascii")
            if not _locked(self._file.fileno()):
                self._file.seek(0)
                holder = self._file.read() or "unknown"
                self._file.close()
                raise CassetteError(
                    f"{journal}: process {holder} is recording into it. Wait until it is done, or end it and record "
                    "again: what it has recorded is kept"
                )
            if self._lies_there():
                break
            self._file.close()  # whoever held it removed the file between our opening and locking it
        self._file.truncate(0)
        self._file.write(str(os.getpid()))
        self._file.flush()

    def release(self) -> None:
        """Let others record; may be called again."""
        if sys.platform != "win32" and not self._file.closed:
            with suppress(OSError):  # left behind it locks nothing: what counts is who holds it open
                self._path.unlink()
            self._file.close()

    def _lies_there(self) -> bool:
        try:
            return os.path.samestat(os.fstat(self._file.fileno()), self._path.stat())
        except FileNotFoundError:
            return False


def _locked(descriptor: int) -> bool:
    """Lock an open file; False if it is locked already, by this process or another."""
    if sys.platform != "win32":
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        except OSError:
            return True  # a file system without locks: better recorded without one than not at all
    return True
