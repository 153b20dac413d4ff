"""Pins that a recording is on disk call by call, and that a killed one is taken up where it stopped."""

import itertools
import random
from contextlib import closing

import pytest
from distillgate.cassette.interaction import Interaction
from distillgate.cassette.journal import Journal, sealed
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


@pytest.fixture
def lines(path):
    """The lines of a journal of three interactions, header first, with their checksums and ends."""
    with journal(path) as whole:
        for one in (FIRST, SECOND, THIRD):
            whole.append(one)
    return path.read_bytes().splitlines(keepends=True)


def zeros(content, at, size):
    """What a power loss leaves: `size` bytes from `at` on were never written."""
    return content[:at] + bytes(len(content[at : at + size])) + content[at + size :]


DAMAGED = [
    pytest.param(lambda lines: [*lines[:3], bytes(len(lines[3]))], [FIRST, SECOND], 1, id="last-line-zeros"),
    pytest.param(lambda lines: [*lines, bytes(4096)], [FIRST, SECOND, THIRD], 1, id="zeros-behind-the-last-line"),
    pytest.param(lambda lines: [*lines[:3], lines[3][:30], bytes(99)], [FIRST, SECOND], 1, id="half-a-line-and-zeros"),
    pytest.param(
        lambda lines: [zeros(b"".join(lines), len(lines[0]) + 20, 4096)], [], 1, id="all-but-the-header-zeros"
    ),
    pytest.param(lambda lines: [bytes(len(b"".join(lines)))], [], 1, id="all-zeros"),
    pytest.param(lambda lines: [lines[0], bytes(9), b"\n", *lines[2:]], [SECOND, THIRD], 1, id="first-line-zeros"),
    pytest.param(
        lambda lines: [*lines[:2], lines[2].replace(b'"seconds":0.25', b'"seconds":0.75'), lines[3]],
        [FIRST, THIRD],
        1,
        id="valid-json-of-another-checksum",
    ),
    pytest.param(lambda lines: [*lines[:2], b"{key:\n", b"\n", lines[3]], [FIRST, THIRD], 2, id="two-lines"),
    pytest.param(lambda lines: [bytes(9), b"\n", *lines[1:]], [FIRST, SECOND, THIRD], 1, id="header-zeros"),
]


@pytest.mark.parametrize(("damage", "kept", "damaged"), DAMAGED)
def test_damage_costs_the_damaged_lines_alone_and_is_counted(path, lines, damage, kept, damaged):
    path.write_bytes(b"".join(damage(lines)))
    with journal(path) as resumed:
        assert (resumed.recovered, resumed.dropped) == (kept, damaged)


@pytest.mark.parametrize(("damage", "kept", "damaged"), DAMAGED)
def test_a_damaged_journal_is_whole_once_it_is_resumed(path, lines, damage, kept, damaged):
    path.write_bytes(b"".join(damage(lines)))
    with journal(path) as resumed:
        resumed.append(FIRST)
    assert unfinished(path).interactions == [*kept, FIRST]


@pytest.mark.parametrize("seed", range(200))
def test_zeros_anywhere_cost_no_line_that_they_do_not_touch(path, lines, seed):
    content = b"".join(lines)
    drawn = random.Random(seed)
    start = drawn.randrange(len(content))
    end = start + drawn.randrange(1, len(content) - start + 1)
    path.write_bytes(zeros(content, start, end - start))
    ends = list(itertools.accumulate(map(len, lines)))
    untouched = [
        one
        for one, first, last in zip((FIRST, SECOND, THIRD), ends[:-1], ends[1:], strict=True)
        # zeros over the end of the line before join it to this one
        if end < first or start >= last
    ]
    with journal(path) as resumed:
        assert resumed.recovered == untouched


def test_an_undamaged_journal_has_lost_nothing(path, lines):
    with journal(path) as resumed:
        assert resumed.dropped == 0


OTHER = [
    pytest.param(lambda lines: [line.rpartition(b"\t")[0] + b"\n" for line in lines], 1, "checksum", id="none"),
    pytest.param(
        lambda lines: [bytes(9), b"\n", *(line.rpartition(b"\t")[0] + b"\n" for line in lines[1:])],
        2,
        "checksum",
        id="none-and-a-damaged-header",
    ),
    pytest.param(
        lambda lines: [sealed(lines[0].rpartition(b"\t")[0].replace(b'"format":4', b'"format":3')) + b"\n", *lines[1:]],
        1,
        "format 3, this version reads 4",
        id="other-format",
    ),
]


@pytest.mark.parametrize(("made", "line", "why"), OTHER)
def test_a_journal_of_another_version_is_refused_and_stays_as_it_is(path, lines, made, line, why):
    content = b"".join(made(lines))
    path.write_bytes(content)
    with pytest.raises(CassetteError) as error:
        Journal(path, {}, Redactor())
    assert str(error.value).startswith(f"{path}:{line}: ")
    assert why in str(error.value)
    assert path.read_bytes() == content
