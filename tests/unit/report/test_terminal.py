"""Width and colour of a terminal, and the line that moves on one and nowhere else."""

import io
import os
import pty
import re
import subprocess
import sys

import pytest
from distillgate.report.terminal import Column, Look, Row, fitted, look_of, spinning


class Terminal(io.StringIO):
    def isatty(self):
        return True


@pytest.fixture(autouse=True)
def _bare(monkeypatch):
    for name in ("COLUMNS", "NO_COLOR", "FORCE_COLOR"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("TERM", "xterm")


@pytest.mark.parametrize(
    ("stream", "environment", "colour"),
    [
        pytest.param(Terminal, {}, True, id="terminal"),
        pytest.param(io.StringIO, {}, False, id="file"),
        pytest.param(Terminal, {"NO_COLOR": "1"}, False, id="NO_COLOR"),
        pytest.param(Terminal, {"NO_COLOR": ""}, True, id="NO_COLOR that is empty"),
        pytest.param(io.StringIO, {"FORCE_COLOR": "1"}, True, id="FORCE_COLOR"),
        pytest.param(io.StringIO, {"FORCE_COLOR": "1", "NO_COLOR": "1"}, False, id="NO_COLOR goes before"),
        pytest.param(Terminal, {"TERM": "dumb"}, False, id="dumb terminal"),
    ],
)
def test_colours_are_for_terminals_whose_owner_wants_them(monkeypatch, stream, environment, colour):
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    assert look_of(stream()).colour is colour


@pytest.mark.parametrize(("columns", "width"), [("80", 80), ("160", 160), ("7", 40)])
def test_the_width_is_that_of_the_terminal(monkeypatch, columns, width):
    monkeypatch.setenv("COLUMNS", columns)
    assert look_of(Terminal()).width == width


def test_a_figure_is_not_parted_from_its_unit():
    for width in range(40, 90):
        lines = (
            Look(width)
            .wrapped("gate retention holds: 108.1 % (must be ≥ 90 %), in 1.52 s, by +1.3 pp", "")
            .splitlines()
        )
        assert not any(re.match(r"\s*(%|s\b|pp)", line) for line in lines)
        assert max(map(len, lines)) <= width


def test_markup_in_a_cell_is_text():
    columns = [Column("[red]name[/red]", left=True), Column("x")]
    assert "[bold]a[/bold]" in fitted(Look(100, colour=True), columns, [Row(["[bold]a[/bold]", "1"], "red")])


def test_where_nobody_watches_nothing_moves():
    out = io.StringIO()
    with spinning(out) as say:
        say("replaying optimized")
    assert out.getvalue() == ""


RUN = "import sys; from distillgate.cli import main; sys.exit(main([]))"


@pytest.mark.slow
@pytest.mark.parametrize(("dumb", "moves"), [(False, True), (True, False)])
def test_on_a_terminal_a_line_names_the_stage_that_is_replayed(project, dumb, moves):
    ours, theirs = pty.openpty()
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path), "TERM": "dumb" if dumb else "xterm"}
    done = subprocess.run(
        [sys.executable, "-c", RUN], env=environment, stdout=subprocess.PIPE, stderr=theirs, check=False
    )
    os.close(theirs)
    said = os.read(ours, 1_000_000).decode() if moves else ""
    os.close(ours)
    assert done.returncode == 0
    assert b"\x1b" not in done.stdout  # which is no terminal
    assert bool(re.search(r"replaying \w+", said)) == moves
