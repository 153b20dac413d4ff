"""Whether a secret got onto a tape."""

from __future__ import annotations

from collections.abc import Iterator

from pipeline.checks.shelf import Shelf
from pipeline.findings import Finding
from pipeline.replay.cassette import journal_path
from pipeline.replay.redact import Redactor
from pipeline.settings import known_secrets
from pipeline.stages.graph import STAGES


def leaked(shelf: Shelf) -> Iterator[Finding]:
    """Lines of tapes and unfinished recordings that hold a secret; the finding does not repeat it."""
    redactor = Redactor(known_secrets(shelf.settings.profile.key_names, shelf.settings.root))
    for stage in STAGES:
        tape = shelf.recordings.path(stage)
        for path in (tape, journal_path(tape)):
            lines = path.read_bytes().splitlines() if path.is_file() else []
            found = [number for number, line in enumerate(lines, start=1) if holds_secret(line, redactor)]
            if found:
                more = f", as do {len(found) - 1} more lines" if len(found) > 1 else ""
                message = f"{shelf.shown(path)}:{found[0]}: holds a secret{more}; revoke it, it can be read"
                remedy = f"git rm -f {shelf.shown(path)} && {shelf.recordings.remedy(stage)}"
                yield Finding("secret", "error", (stage,), message, remedy)


def holds_secret(line: bytes, redactor: Redactor) -> bool:
    """Whether recording the line today would replace a part of it."""
    return redactor.clean(line) != line
