"""Whether a secret got onto a tape."""

from __future__ import annotations

from collections.abc import Iterator

from distillgate.cassette.redact import Redactor
from distillgate.cassette.session import journal_path
from distillgate.checks.shelf import Shelf
from distillgate.results.findings import Finding
from distillgate.secrets.known import remembered
from distillgate.stages.graph import STAGES


def leaked(shelf: Shelf) -> Iterator[Finding]:
    """Lines of tapes and unfinished recordings that hold a secret; its kind is told, and it is not repeated."""
    redactor = Redactor(remembered())
    for stage in STAGES:
        tape = shelf.recordings.path(stage)
        clean = stage in shelf.tapes and shelf.tapes[stage].intact
        for path in (journal_path(tape),) if clean else (tape, journal_path(tape)):
            lines = path.read_bytes().splitlines() if path.is_file() else []
            found = [(number, kind) for number, line in enumerate(lines, start=1) if (kind := redactor.kind(line))]
            if found:
                number, kind = found[0]
                more = f", as do {len(found) - 1} more lines" if len(found) > 1 else ""
                message = f"{shelf.shown(path)}:{number}: holds a secret ({kind}){more}; revoke it, it can be read"
                remedy = f"git rm -f {shelf.shown(path)} && {shelf.recordings.remedy(stage)}"
                yield Finding("secret", "error", (stage,), message, remedy)
