"""Pins what a cassette miss tells: what was asked, what changed against the recording, and what to do."""

import pytest
from distillgate.cassette.misses import MOST_LINES, explain_miss
from distillgate.cassette.request import Canonical

PATH = "/v1/chat/completions"


def asking(content, path=PATH, **more):
    return Canonical("POST", path, {"messages": [{"role": "user", "content": content}], **more})


def explained(asked, *recorded, repeated=False, remedy="pytest --distill-record=teacher"):
    return explain_miss(asked, recorded, repeated, "cassettes/teacher.jsonl", remedy).splitlines()


def changed(lines):
    """The lines that a diff takes away or adds."""
    return [line for line in lines if line[0] in "+-" and line[:3] not in ("---", "+++")]


def test_it_begins_with_the_tape_and_the_request():
    first = explained(asking("Who won?"), asking("Who lost?"))[0]
    assert first == "cassettes/teacher.jsonl has no answer to POST /v1/chat/completions"


def test_it_ends_with_the_command_that_records_again():
    last = explained(asking("Who won?"), asking("Who lost?"))[-1]
    assert last == "If the change is intended, record again: pytest --distill-record=teacher"


def test_it_recommends_nothing_where_there_is_no_command():
    assert "record again" not in "\n".join(explained(asking("Who won?"), asking("Who lost?"), remedy=""))


def test_it_shows_what_was_recorded_and_what_is_asked_now():
    assert changed(explained(asking("Who won?"), asking("Who lost?"))) == [
        '-messages[0].content: "Who lost?"',
        '+messages[0].content: "Who won?"',
    ]


def test_it_shows_a_prompt_line_by_line():
    now = asking("Label the news.\nUse one of six words.\nBe brief.")
    then = asking("Label the news.\nUse one of five words.\nBe brief.")
    assert changed(explained(now, then)) == ["-    Use one of «five» words.", "+    Use one of «six» words."]


@pytest.mark.parametrize(
    ("now", "then", "difference"),
    [
        pytest.param({"seed": 2}, {"seed": 1}, ["-seed: 1", "+seed: 2"], id="value"),
        pytest.param({"seed": 1}, {}, ["+seed: 1"], id="new-field"),
        pytest.param({}, {"stop": None}, ["-stop: null"], id="field-gone"),
        pytest.param({"tools": []}, {}, ["+tools: []"], id="empty-list"),
        pytest.param({}, {"format": {}}, ["-format: {}"], id="empty-object"),
        pytest.param({"prompt": "one\ntwo\n"}, {"prompt": "one\ntwo"}, ["+    "], id="last-newline"),
        pytest.param({"prompt": "a\nb"}, {"prompt": "a\r\nb"}, ["-    a\\r", "+    a"], id="carriage-return"),
        pytest.param({"stop": "a b"}, {"stop": "a\xa0b"}, ['-stop: "a\\xa0b"', '+stop: "a b"'], id="other-space"),
    ],
)
def test_it_shows_every_kind_of_change(now, then, difference):
    assert changed(explained(asking("x", **now), asking("x", **then))) == difference


def test_it_compares_with_the_nearest_request():
    farther = asking("Something else entirely, about the weather.")
    lines = explained(asking("Who won the match?"), farther, asking("Who won the race?"), farther)
    assert changed(lines)[0] == '-messages[0].content: "Who won the race?"'


def test_it_compares_with_requests_for_the_same_path_only():
    elsewhere = asking("Who won the match today?", path="/v1/completions")
    lines = explained(asking("Who won the match?"), elsewhere, asking("The weather."))
    assert changed(lines)[0] == '-messages[0].content: "The weather."'


def test_a_long_difference_is_cut_and_says_by_how_much():
    lines = explained(asking("\n".join(["new"] * 100)), asking("\n".join(["old"] * 100)))
    assert lines[1 + MOST_LINES] == "… 190 more lines"


def test_a_path_without_recordings_lists_those_with_some():
    recorded = (asking("a"), asking("b"), Canonical("GET", "/v1/models", None))
    lines = explained(Canonical("POST", "/v1/files", None), *recorded)
    assert lines[1] == ("Nothing is recorded for that path; recorded: GET /v1/models, POST /v1/chat/completions")


def test_an_empty_tape_says_so():
    assert explained(asking("a"))[1] == "Nothing is recorded for that path; recorded: nothing"


def test_a_request_made_too_often_says_so():
    lines = explained(asking("a"), asking("a"), repeated=True)
    assert lines[1] == "The request is recorded, but it was made more often than while recording."
