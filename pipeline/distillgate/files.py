"""Write files so that a crash leaves the old one or the new one, never half of one."""

from __future__ import annotations

import errno
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from distillgate.errors import CassetteError

_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
_FORBIDDEN = {errno.EACCES, errno.EPERM, errno.EROFS}
_IN_THE_WAY = {errno.EEXIST, errno.ENOTDIR, errno.EISDIR}


def write_atomically(path: Path, content: bytes) -> None:
    """Replace `path` with `content`; folders are made as needed, the content is on disk before the old file goes."""
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    temporary = Path(name)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        temporary.chmod(0o644)
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


@contextmanager
def writing(path: Path) -> Iterator[None]:
    """Inside the block a cassette's file `path` is written.

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
