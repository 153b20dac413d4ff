"""How wide and how colourful a terminal is, tables that fit it, and what shows that work is going on."""

from __future__ import annotations

import io
import os
import re
import shutil
import sys
import textwrap
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, TextIO

if TYPE_CHECKING:
    from collections.abc import Callable

    from rich.table import Table

WIDTH = 100
"""Columns where nobody tells: in a file, in a log."""

LEAST = 40
"""Columns below which nothing is wrapped any further."""


@dataclass(frozen=True, slots=True)
class Look:
    """What a text is written for."""

    width: int = WIDTH
    """Columns."""

    colour: bool = False

    def styled(self, text: str, style: str) -> str:
        """Lines in a style of rich's, such as `bold red`; as they are where there are no colours."""
        if not self.colour or not style:
            return text
        from rich.style import Style

        whole = Style.parse(style)
        return "\n".join(whole.render(line) if line else line for line in text.split("\n"))

    def wrapped(self, line: str, style: str = "", indent: str = "  ") -> str:
        """A line broken at the terminal's width, further lines indented; with its end."""
        bound = re.sub(r"(?<=\d) (?=(?:pp|s|ms|µs|min|h)\b|%)", "\u00a0", line)  # a figure stays with its unit
        filled = textwrap.fill(bound, self.width, subsequent_indent=indent, break_on_hyphens=False)
        return self.styled(filled.replace("\u00a0", " "), style) + "\n"


def look_of(stream: TextIO) -> Look:
    """The look of what is written to a stream.

    The width is that of `COLUMNS`, else the terminal's, else `WIDTH`. There are colours on a terminal that is not dumb;
    `FORCE_COLOR` brings them anywhere, and `NO_COLOR` (https://no-color.org) goes before both.
    """
    width = max(LEAST, shutil.get_terminal_size((WIDTH, 24)).columns)
    lively = stream.isatty() and os.environ.get("TERM") != "dumb"
    wanted = bool(os.environ.get("FORCE_COLOR")) or lively
    return Look(width, wanted and not os.environ.get("NO_COLOR"))


@dataclass(frozen=True, slots=True)
class Column:
    """A column of a table."""

    heading: str
    key: int = 0
    """How soon it is left out where there is no room: the highest first; 0 is always there."""

    left: bool = False
    """Whether it holds text, and not figures."""


@dataclass(frozen=True, slots=True)
class Row:
    """A row of a table: a cell for each column."""

    cells: Sequence[str]
    style: str = ""


def fitted(look: Look, columns: Sequence[Column], rows: Sequence[Row]) -> str:
    """A table that fits, and below it which columns were left out for the width, in the order of their keys.

    Where the columns that are always there are too wide, their cells are cut.
    """
    from rich.console import Console

    out = io.StringIO()
    console = Console(
        file=out,
        width=look.width,
        color_system="standard" if look.colour else None,
        force_terminal=look.colour,
        no_color=not look.colour,
    )
    endless = console.options.update_width(sys.maxsize)
    shown = list(range(len(columns)))
    while (table := _table(columns, rows, shown)) and console.measure(table, options=endless).maximum > look.width:
        least = max(shown, key=lambda place: columns[place].key)
        if not columns[least].key:
            break
        shown.remove(least)
    console.print(table)
    drawn = "\n".join(line.rstrip() for line in out.getvalue().splitlines()) + "\n"
    gone = ", ".join(column.heading for place, column in enumerate(columns) if place not in shown)
    return drawn + (look.wrapped(f"no room for: {gone}", "dim") if gone else "")


def _table(columns: Sequence[Column], rows: Sequence[Row], shown: Sequence[int]) -> Table:
    from rich import box
    from rich.table import Table
    from rich.text import Text

    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, collapse_padding=True)
    for column in (columns[place] for place in shown):
        table.add_column(Text(column.heading), justify="left" if column.left else "right", no_wrap=True)
    for row in rows:
        table.add_row(*(Text(row.cells[place], style=row.style) for place in shown))
    return table


@contextmanager
def spinning(stream: TextIO) -> Iterator[Callable[[str], None]]:
    """On a terminal, a line that moves while the block runs and says what it was last told; elsewhere nothing."""
    if not stream.isatty() or os.environ.get("TERM") == "dumb":
        yield lambda said: None
        return
    from rich.console import Console
    from rich.progress import Progress, SpinnerColumn, TextColumn

    text = TextColumn("{task.description}", markup=False)
    # the block may redirect sys.stdout; the line is drawn on the stream itself
    console = Console(file=stream)
    with Progress(
        SpinnerColumn(), text, console=console, transient=True, redirect_stdout=False, redirect_stderr=False
    ) as progress:
        shown = progress.add_task("", total=None)
        yield lambda said: progress.update(shown, description=said)
