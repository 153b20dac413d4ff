"""Pins that a recording is on disk call by call, and that a killed one is taken up where it stopped."""

import re
from contextlib import closing

import pytest
from distillgate.cassette.interaction import Interaction
from distillgate.cassette.journal import Journal
from distillgate.cassette.redact import Redactor
from distillgate.cassette.request import Canonical
from distillgate.errors import CassetteError

from tests.journals import unfinished

FIRST, SECOND, THIRD = (
    Interaction(Canonical("POST", "/v1/chat/completions", {"n": n}), 200, "application/json", {"n": n}, 0.25, 1)
    for n in range(3)
)


def journal(path, header=None):
    return closing(Journal(path, {"seed": 9} if header is None else header, Redactor()))


@pytest.fixture
def killed(path):
    """A journal of two interactions whose last line was cut off by so many bytes."""

    def cut(off):
        with journal(path) as whole:
            whole.append(FIRST)
            whole.append(SECOND)
        path.write_bytes(path.read_bytes()[:-off])
        return path

    return cut


def test_the_header_is_on_disk_from_the_start(path):
    with journal(path):
        assert unfinished(path).header == {"seed": 9}


def test_an_interaction_is_on_disk_before_append_returns(path):
    with journal(path) as open_journal:
        open_journal.append(FIRST)
        assert unfinished(path).interactions == [FIRST]


def test_a_journal_is_resumed_with_what_it_holds(path):
    with journal(path) as first:
        first.append(FIRST)
    with journal(path) as second:
        assert second.recovered == [FIRST]


@pytest.mark.parametrize("off", [pytest.param(1, id="newline"), pytest.param(30, id="half-a-line")])
def test_a_cut_off_last_line_is_dropped(killed, off):
    with journal(killed(off)) as resumed:
        assert resumed.recovered == [FIRST]


@pytest.mark.parametrize("off", [pytest.param(1, id="newline"), pytest.param(30, id="half-a-line")])
def test_a_resumed_journal_goes_on_behind_the_last_whole_line(killed, off):
    path = killed(off)
    with journal(path) as resumed:
        resumed.append(THIRD)
    assert unfinished(path).interactions == [FIRST, THIRD]


@pytest.mark.parametrize("rest", [b"", b'{"distillgate":{"for'], ids=["empty", "cut-off-header"])
def test_a_journal_without_a_whole_header_starts_anew(path, rest):
    path.write_bytes(rest)
    with journal(path) as anew:
        anew.append(FIRST)
    assert unfinished(path).interactions == [FIRST]


@pytest.mark.parametrize(
    ("days", "header"),
    [
        (("01", "01"), {"data": "b", "recorded": "2026-01-01"}),
        (("01", "02"), {"data": "b", "recorded": "2026-01-02", "begun": "2026-01-01"}),
        (("01", "02", "03"), {"data": "b", "recorded": "2026-01-03", "begun": "2026-01-01"}),
    ],
    ids=["same-day", "next-day", "day-after"],
)
def test_a_resumed_journal_has_todays_provenance_and_the_day_of_its_start(path, days, header):
    *earlier, today = [f"2026-01-{day}" for day in days]
    for day in earlier:
        with journal(path, {"data": "a", "recorded": day}) as begun:
            begun.rewrite([])
    with journal(path, {"data": "b", "recorded": today}) as resumed:
        assert resumed.header == header


def test_rewriting_replaces_what_was_recorded(path):
    with journal(path) as rewritten:
        rewritten.append(FIRST)
        rewritten.append(SECOND)
        rewritten.rewrite([SECOND])
        assert unfinished(path).interactions == [SECOND]


def test_rewriting_keeps_the_header(path):
    with journal(path) as rewritten:
        rewritten.rewrite([])
        assert unfinished(path).header == {"seed": 9}


def test_a_rewritten_journal_goes_on(path):
    with journal(path) as rewritten:
        rewritten.append(FIRST)
        rewritten.rewrite([SECOND])
        rewritten.append(THIRD)
        assert unfinished(path).interactions == [SECOND, THIRD]


def test_closing_leaves_the_journal(path):
    with journal(path) as closed:
        closed.append(FIRST)
    assert unfinished(path).interactions == [FIRST]


def test_folders_are_made_as_needed(tmp_path):
    with journal(tmp_path / "news" / "local" / "teacher.recording.jsonl") as made:
        assert made.path.exists()


DAMAGED = [
    pytest.param(lambda content: content.replace(b'"n":0', b'"n":7', 1), id="a-bit"),
    pytest.param(lambda content: content.replace(b'{"key":', b"{key:", 1), id="not-json"),
    pytest.param(lambda content: content[: content.index(b'{"key"') + 9] + b"\0" * 20 + after(content), id="zeros"),
]


def after(content):
    """What stands behind the first 29 bytes of the first interaction."""
    return content[content.index(b'{"key"') + 29 :]


@pytest.mark.parametrize("damage", DAMAGED)
def test_a_damaged_line_costs_its_call_alone(path, damage):
    with journal(path) as whole:
        whole.append(FIRST)
        whole.append(SECOND)
    path.write_bytes(damage(path.read_bytes()))
    with journal(path) as resumed:
        assert (resumed.recovered, resumed.dropped) == ([SECOND], 1)
        resumed.append(THIRD)
    assert unfinished(path).interactions == [SECOND, THIRD]


def test_an_end_of_zeros_costs_nothing_that_was_written(path):
    with journal(path) as whole:
        whole.append(FIRST)
    path.write_bytes(path.read_bytes() + b"\0" * 4096)
    with journal(path) as resumed:
        assert resumed.recovered == [FIRST]
        resumed.append(SECOND)
    assert unfinished(path).interactions == [FIRST, SECOND]


@pytest.mark.parametrize(
    "damage",
    [
        pytest.param(lambda content: content.replace(b'"format":4', b'"format":3', 1), id="header"),
        pytest.param(lambda content: re.sub(rb"\t[0-9a-f]{8}$", b"", content, flags=re.MULTILINE), id="no-checksums"),
    ],
)
def test_a_journal_whose_first_line_is_damaged_is_refused_and_stays_as_it_is(path, damage):
    with journal(path) as whole:
        whole.append(FIRST)
    content = damage(path.read_bytes())
    path.write_bytes(content)
    with pytest.raises(CassetteError, match="its first line is damaged, or has no checksum"):
        Journal(path, {}, Redactor())
    assert path.read_bytes() == content
