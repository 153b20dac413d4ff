"""A cassette while it is recorded: on disk call by call, so that a killed process loses at most the call in flight."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from distillgate.cassette.disk import writing
from distillgate.cassette.lines import Interaction
from distillgate.cassette.lock import Lock
from distillgate.cassette.packing import Pack
from distillgate.cassette.redact import Redactor
from distillgate.cassette.storage import FORMAT, decode, dump
from distillgate.errors import CassetteError
from distillgate.files import write_atomically


class Journal:
    """A cassette being recorded: every interaction is on disk before its caller goes on.

    A killed process leaves complete lines and at most one cut off at the end, which opening it again drops.
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
        if whole := self._file.read().rpartition(b"\n")[0]:
            recording = decode(self.path, whole.split(b"\n"))
            self.recovered = recording.interactions
            begun = recording.header.get("begun") or recording.header.get("recorded")
            if begun != header.get("recorded"):
                self.header = {**header, "begun": begun}
            self._file.truncate(len(whole) + 1)
        else:
            self._file.truncate(0)
            self._append(dump({"distillgate": {"format": FORMAT, **header}}, self._redactor))

    def append(self, interaction: Interaction) -> None:
        """Add one interaction and wait until it is on disk.

        Raises:
            CassetteError: it cannot be written, or one before it could not.
        """
        with self._failing_for_good():
            self._append(dump(interaction.line(Pack()), self._redactor))

    def rewrite(self, interactions: list[Interaction]) -> None:
        """Replace everything recorded so far, atomically.

        Raises:
            CassetteError: it cannot be written, or an interaction before could not.
        """
        with self._failing_for_good():
            self._file.close()
            lines = [dump({"distillgate": {"format": FORMAT, **self.header}}, self._redactor)]
            lines += [dump(interaction.line(Pack()), self._redactor) for interaction in interactions]
            write_atomically(self.path, b"".join(lines))
            self._file = self.path.open("ab", buffering=0)

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

    def _append(self, line: bytes) -> None:
        rest = memoryview(line)
        while rest:
            rest = rest[self._file.write(rest) :]
        os.fsync(self._file.fileno())
        # written to a file that lies nowhere any more, a line would be on no disk
        if not os.path.samestat(os.fstat(self._file.fileno()), self.path.stat()):
            raise FileNotFoundError(errno.ENOENT, "another file has taken its place")
