"""Whether the tapes are all there, whole, in their place, within the budget and free of secrets."""

from __future__ import annotations

from collections.abc import Iterator

from distillgate.cassette.redact import Redactor
from distillgate.cassette.session import journal_path
from distillgate.checks.shelf import Shelf
from distillgate.errors import BrokenTapeError
from distillgate.results.findings import Finding
from distillgate.results.numbers import megabytes
from distillgate.secrets.known import remembered


def unrecorded(shelf: Shelf) -> Iterator[Finding]:
    """Stages without a tape, and recordings that were begun and not finished."""
    recordings, profile = shelf.recordings, shelf.config.profile.name
    lacking, begun = recordings.lacking, recordings.begun
    none = lacking == shelf.graph.taped
    if none and not begun:
        yield Finding("unrecorded", "error", (), f"profile {profile!r} has no recording", recordings.remedy())
    elif lacking:
        kept = sum(calls for stage, calls in begun.items() if stage in lacking)
        stages = () if none else lacking
        yield Finding(
            "unfinished",
            "error",
            stages,
            f"the recording is unfinished; {kept} calls of what is missing are kept and not made again",
            recordings.remedy(*stages),
        )
    for stage, calls in begun.items():
        if stage not in lacking:
            message = f"a newer recording was begun and not finished ({calls} calls are kept); the old tape counts"
            yield Finding("unfinished", "note", (stage,), message, recordings.remedy(stage))


def broken(shelf: Shelf) -> Iterator[Finding]:
    """Tapes that are not what was recorded: cut off, edited, merged in conflict, of another format."""
    for stage, error in shelf.broken.items():
        path = shelf.shown(shelf.recordings.path(stage))
        message = f"{path}:{error.line}: {error.what}" if isinstance(error, BrokenTapeError) else str(error)
        yield Finding("broken", "error", (stage,), message, shelf.restore(stage))


def misplaced(shelf: Shelf) -> Iterator[Finding]:
    """Tapes that lie where another one belongs."""
    for stage in shelf.tapes:
        place = {"task": shelf.task, "profile": shelf.config.profile.name, "stage": stage}
        found = {name: shelf.header(stage, name) for name in place}
        if found != place:
            was = ", ".join(f"{name} {found[name]!r}" for name in place if found[name] != place[name])
            message = f"{shelf.shown(shelf.recordings.path(stage))}:1: the tape of {was}"
            yield Finding("misplaced", "error", (stage,), message, shelf.restore(stage))


def orphaned(shelf: Shelf) -> Iterator[Finding]:
    """Files among the tapes that belong to no stage of any profile."""
    for path in shelf.recordings.orphans:
        shown = shelf.shown(path)
        yield Finding("orphaned", "error", (), f"{shown} belongs to no stage of any profile", f"rm {shown}")


def over_budget(shelf: Shelf) -> Iterator[Finding]:
    """Tapes that take up more of the repository than `tape_budget_mb`."""
    paths = {stage: shelf.recordings.path(stage) for stage in shelf.graph.taped}
    sizes = {stage: path.stat().st_size for stage, path in paths.items() if path.is_file()}
    total, budget = sum(sizes.values()), shelf.config.tape_budget_mb * 1e6
    if total > budget:
        largest = max(sizes, key=lambda stage: sizes[stage])
        yield Finding(
            "size",
            "error",
            (),
            f"the tapes take up {megabytes(total)}, {megabytes(sizes[largest])} of it {largest}; the budget is "
            f"{megabytes(budget)}",
            "raise tape_budget_mb in [tool.distillgate], or lower max_tokens and record again: "
            f"{shelf.recordings.remedy()}",
        )


def leaked(shelf: Shelf) -> Iterator[Finding]:
    """Lines of tapes and unfinished recordings that hold a secret; the secret's kind is named, not its value."""
    redactor = Redactor(remembered())
    for stage in shelf.graph.taped:
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
