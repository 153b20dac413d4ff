"""What the disk refuses becomes an error that says what to do, and no bare one of the operating system."""

from __future__ import annotations

import errno
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from distillgate.errors import CassetteError

_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
_FORBIDDEN = {errno.EACCES, errno.EPERM, errno.EROFS}
_IN_THE_WAY = {errno.EEXIST, errno.ENOTDIR, errno.EISDIR}


@contextmanager
def writing(path: Path) -> Iterator[None]:
    """Inside the block `path` is written.

    Raises:
        CassetteError: the disk refuses; the message names the path, the reason and the remedy.
    """
    try:
        yield
    except OSError as error:
        raise CassetteError(
            f"{path} cannot be written: {error.strerror or error}. {_remedy(error.errno, path)}, then run the same "
            "command again: what is on disk is kept"
        ) from error


def _remedy(number: int | None, path: Path) -> str:
    if number in _FULL:
        return f"Free space on the disk of {path.parent}"
    if number in _FORBIDDEN:
        return f"Allow writing to {path.parent}"
    if number in _IN_THE_WAY:
        return f"Move what stands in the way of {path}"
    if number == errno.ENOENT:
        return f"Put {path.parent} back with what it held"
    return "Mend that"
