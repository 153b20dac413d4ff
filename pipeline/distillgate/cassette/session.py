"""Replay a stage over its tape, or record it: the two ways in which a stage runs."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

from vcr.config import VCR
from vcr.record_mode import RecordMode

from distillgate.cassette.format import Recording, write
from distillgate.cassette.guard import guarded
from distillgate.cassette.journal import Journal
from distillgate.cassette.library import EMPTY, Library
from distillgate.cassette.recorder import UNWATCHED, TapeRecorder, Watch
from distillgate.cassette.redact import Redactor
from distillgate.cassette.tape import Tape
from distillgate.cassette.transports.interception import prove
from distillgate.errors import UnusedInteractionsError


@contextmanager
def replaying(
    path: Path,
    remedy: str,
    whole: bool = True,
    redactor: Redactor | None = None,
    programs: Iterable[str] = (),
    libraries: Iterable[str] = (),
    origins: Collection[str] | None = None,
) -> Iterator[Tape]:
    """Replay `path` inside the block: no request leaves the process, whatever sends it.

    `whole` asks that everything on the tape is replayed; `remedy` is the command that records the stage again;
    `redactor` knows the secrets of the environment, which a message must not show; `programs` may be started and
    `libraries` of `distillgate.cassette.guard.NATIVE` be loaded; `origins` are the endpoints, as `Tape` takes them.

    Raises:
        CassetteMissError: a request was not recorded, even if the code in the block swallowed that.
        CassetteError: the tape is broken.
        UnusedInteractionsError: interactions were left over.
        NetworkBlockedError: something tried to reach the network past the recorder, or to start a program.
    """
    prove()
    with (
        guarded(programs, libraries),
        Tape.use(**_config(path), remedy=remedy, redactor=redactor or Redactor(), origins=origins) as tape,
    ):
        try:
            yield tape
        finally:
            if tape.miss is not None:
                raise tape.miss
    if whole and (left := tape.index.unused()):
        raise UnusedInteractionsError(
            f"{path}: {len(left)} of {len(tape)} interactions were not replayed, first {left[0].method} "
            f"{left[0].path}; the pipeline makes other calls than those recorded. Record the stage again: {remedy}"
        )


@contextmanager
def recording(
    path: Path,
    header: dict[str, Any],
    redactor: Redactor,
    watch: Watch = UNWATCHED,
    library: Library = EMPTY,
    origins: Collection[str] | None = None,
) -> Iterator[TapeRecorder]:
    """Record into a journal beside `path` and, when the block ends well, replace `path` with the result.

    `watch` is told of every request that is sent, and may end the recording; what `library` holds is not sent.

    A block that fails or a process that is killed leaves the journal; the next recording goes on from there.

    Raises:
        CassetteError: another process is recording the same tape, its unfinished recording is broken, an answer could
            not be written, or a request or answer holds a secret that is not to be replaced, even if the code in the
            block swallowed that.
        DistillgateError: whatever `watch` ended the recording with, likewise.
    """
    prove()
    with closing(Journal(journal_path(path), header, redactor)) as journal:
        with TapeRecorder.use(
            **_config(path), journal=journal, redactor=redactor, watch=watch, library=library, origins=origins
        ) as tape:
            try:
                yield tape
            finally:
                tape.settle()
                if (error := journal.failure or tape.refusal) is not None:
                    raise error
        write(path, Recording(tape.header, tape.index.used()), redactor)
        journal.discard()


def journal_path(path: Path) -> Path:
    """Where the unfinished recording of a tape lies."""
    return path.with_suffix(".recording.jsonl")


def _config(path: Path) -> dict[str, Any]:
    merged: dict[str, Any] = VCR(record_mode=RecordMode.NEW_EPISODES).get_merged_config(path=str(path))
    return merged
