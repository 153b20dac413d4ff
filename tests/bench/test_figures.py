"""What a figure says, in the table, in JSON and by the exit code."""

import json
import math

import pytest
from distillgate import cli as command
from distillgate.bench import run
from distillgate.bench.figures import BOUNDS, Figure
from distillgate.report.bench import bench_json, bench_table

FIGURES = [
    Figure("replay_1000", 1.125, {"replay, seconds a call": 0.0018, "floor, seconds a call": 0.0016}),
    Figure("stock", 40.0, {"stock vcrpy, seconds a call": 0.06, "replay, seconds a call": 0.0015}, "a sample"),
    Figure("size", 0.125, {"tapes, bytes": 1e6, "YAML, bytes": 8e6}),
    Figure("cassetter", math.nan, note="cassetter is not installed"),
]


@pytest.mark.parametrize(
    ("figure", "kept"),
    [
        pytest.param(Figure("opening", 2.0), True, id="at-most"),
        pytest.param(Figure("opening", 2.1), False, id="above"),
        pytest.param(Figure("stock", 80.0), True, id="at-least"),
        pytest.param(Figure("stock", 79.0), False, id="below"),
        pytest.param(Figure("stock", math.nan), False, id="not-measured"),
    ],
)
def test_a_bound_is_kept_or_not(figure, kept):
    assert figure.kept is kept


def test_the_table_says_what_was_divided_and_whether_the_bound_is_kept():
    table = bench_table(FIGURES, "2026-01-02, here")
    rows = [" ".join(line.split()) for line in table.splitlines()]
    assert "replay ÷ floor, per call, 1,000 interactions, 1 thread 1.12 ≤ 1.25 kept 1.80 ms ÷ 1.60 ms" in rows
    assert "stock vcrpy ÷ replay, per call, 1,000 interactions 40 ≥ 80 MISSED 60.00 ms ÷ 1.50 ms" in rows
    assert "cassetter ÷ replay, per call, 1,000 interactions - ≥ 1.00" in rows
    assert "1.0 MB ÷ 8.0 MB" in table
    assert table.endswith("2026-01-02, here\n")
    assert max(map(len, table.splitlines())) <= 100


def test_the_json_holds_every_figure():
    content = json.loads(json.dumps(bench_json(FIGURES, {"date": "2026-01-02"})))
    assert content["date"] == "2026-01-02"
    assert [(one["name"], one["value"], one["kept"]) for one in content["figures"]] == [
        ("replay_1000", 1.125, True),
        ("stock", 40.0, False),
        ("size", 0.125, True),
        ("cassetter", None, None),
    ]


@pytest.mark.parametrize(
    ("figures", "code"),
    [pytest.param(FIGURES, 1, id="missed"), pytest.param([FIGURES[0], FIGURES[3]], 0, id="kept-or-not-measured")],
)
def test_the_command_ends_with_whether_all_bounds_are_kept(monkeypatch, capsys, tmp_path, figures, code):
    monkeypatch.setattr(run, "measured", lambda settings, sizes, tell: iter(figures))
    target = tmp_path / "bench.json"
    assert command.main(["bench", "--json", str(target)]) == code
    assert "kept" in capsys.readouterr().out
    assert len(json.loads(target.read_text())["figures"]) == len(figures)


def test_every_bound_is_measured(monkeypatch):
    """The names in the table are those that the run yields."""
    made = {"replay_1000", "replay_10000", "replay_4_threads", "replay_8_threads", "growth", "stock", "cassetter"}
    assert set(BOUNDS) == made | {"opening", "size", "memory", "recording", "gates"}
