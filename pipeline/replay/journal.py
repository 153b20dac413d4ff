"""A cassette while it is recorded: on disk call by call, so that a killed process loses at most the call in flight."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any, BinaryIO

from pipeline.files import write_atomically
from pipeline.replay.lock import Lock
from pipeline.replay.redact import Redactor
from pipeline.replay.storage import FORMAT, Interaction, decode, dump, to_line


class Journal:
    """A cassette being recorded: every interaction is on disk before its caller goes on.

    A killed process leaves complete lines and at most one cut off at the end, which opening it again drops.
    """

    def __init__(self, path: Path, header: dict[str, Any], redactor: Redactor) -> None:
        """Open or resume `path`; `recovered` holds what an earlier process recorded.

        A resumed recording is one of today: `header` counts, and names the day on which it was `begun`.

        Raises:
            CassetteError: another process is recording into it, or a line of it is broken.
        """
        self.path = path
        self._redactor = redactor
        self.recovered: list[Interaction] = []
        self.header = header
        path.parent.mkdir(parents=True, exist_ok=True)
        self._lock = Lock(path)
        try:
            self._open(header)
        except BaseException:
            self._lock.release()
            raise

    def _open(self, header: dict[str, Any]) -> None:
        path = self.path
        if path.exists() and (whole := path.read_bytes().rpartition(b"\n")[0]):
            recording = decode(path, whole.split(b"\n"))
            self.recovered = recording.interactions
            begun = recording.header.get("begun") or recording.header.get("recorded")
            if begun != header.get("recorded"):
                self.header = {**header, "begun": begun}
            self._file: BinaryIO = path.open("r+b")
            self._file.truncate(len(whole) + 1)
            self._file.seek(0, os.SEEK_END)
        else:
            self._file = path.open("wb")
            self._append(dump({"distillgate": {"format": FORMAT, **header}}, self._redactor))

    def append(self, interaction: Interaction) -> None:
        """Add one interaction and wait until it is on disk."""
        self._append(dump(to_line(interaction), self._redactor))

    def rewrite(self, interactions: list[Interaction]) -> None:
        """Replace everything recorded so far, atomically."""
        self._file.close()
        lines = [dump({"distillgate": {"format": FORMAT, **self.header}}, self._redactor)]
        lines += [dump(to_line(interaction), self._redactor) for interaction in interactions]
        write_atomically(self.path, b"".join(lines))
        self._file = self.path.open("ab")

    def close(self) -> None:
        """Close the file; it stays for the next process to resume."""
        self._file.close()
        self._lock.release()

    def discard(self) -> None:
        """Close the file and delete it: its tape is whole."""
        self._file.close()
        self.path.unlink()
        self._lock.release()

    def _append(self, line: bytes) -> None:
        self._file.write(line)
        self._file.flush()
        os.fsync(self._file.fileno())
