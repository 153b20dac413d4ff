"""Write the reports: page and Markdown into a folder, Markdown to a job's summary, JSON to a file."""

from __future__ import annotations

import os
from pathlib import Path

import orjson

from distillgate.errors import ReportError
from distillgate.files import write_atomically
from distillgate.report.machine import as_json
from distillgate.report.markdown import as_markdown
from distillgate.report.page import render
from distillgate.report.run import Run
from distillgate.secrets.known import scrubbed

PAGE, COMMENT = "index.html", "report.md"


def must_be_writable(folder: Path) -> None:
    """Refuse a folder that a report cannot be written to, before anything is run for it.

    Raises:
        ReportError: something on its path is no folder, or is closed to this user.
    """
    there = next(path for path in (folder.absolute(), *folder.absolute().parents) if path.exists())
    if not there.is_dir():
        raise _unwritable(folder, f"{there.name} is no folder")
    if not os.access(there, os.W_OK | os.X_OK):
        raise _unwritable(folder, f"no permission to write to {there.name}")


def write_report(run: Run, folder: Path) -> Path:
    """Write `index.html` and `report.md` into `folder`, each whole or not at all; returns the page's path.

    Raises:
        MissingExtraError: what draws the page is not installed.
        ReportError: the folder cannot be written to.
    """
    page, comment = render(run), as_markdown(run)
    try:
        write_atomically(folder / COMMENT, scrubbed(comment).encode())
        write_atomically(folder / PAGE, scrubbed(page).encode())
    except OSError as error:
        raise _unwritable(folder, error.strerror or str(error)) from error
    return folder / PAGE


def write_json(run: Run, path: Path) -> None:
    """Write the numbers for machines.

    Raises:
        ReportError: the file cannot be written.
    """
    content = scrubbed(orjson.dumps(as_json(run), option=orjson.OPT_INDENT_2).decode())
    try:
        write_atomically(path, content.encode())
    except OSError as error:
        raise ReportError(f"{path} cannot be written: {error.strerror}; name another file") from error


def append_to_job_summary(run: Run) -> None:
    """Add the Markdown to the file that GitHub shows as the job's summary; nothing where there is no such file.

    Raises:
        ReportError: the file cannot be written.
    """
    if not (path := os.environ.get("GITHUB_STEP_SUMMARY")):
        return
    try:
        with Path(path).open("a", encoding="utf-8") as file:
            file.write(scrubbed(as_markdown(run)))
    except OSError as error:
        raise ReportError(f"GITHUB_STEP_SUMMARY names {path}, which cannot be written: {error.strerror}") from error


def _unwritable(folder: Path, why: str) -> ReportError:
    return ReportError(f"the report cannot be written to {folder}: {why}; name another folder")
