"""A journal belongs to one process at a time: two that record into it would cut off each other's lines."""

from __future__ import annotations

import os
import sys
from contextlib import suppress
from pathlib import Path

from distillgate.errors import CassetteError

if sys.platform != "win32":
    import fcntl


class Lock:
    """Held by the process that records into a journal, and gone with it however it ends. Windows has none.

    It lies on a file of its own beside the journal, because a journal that is rewritten is another file afterwards.
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
