"""The progress of a recording: a line every so often in a log, a bar on a terminal, and what both say."""

import io

import pytest
from distillgate.money.meter import Figures
from distillgate.report.recording import EVERY, Bar, Lines, progress_line


def figures(done=30, expected=120, **changes):
    values = {"sent": 20, "cut_off": 0, "tokens": 12000, "dollars": 0.25, "seconds": 10.0} | changes
    return Figures("student", done, expected, **values)


@pytest.mark.parametrize(
    ("shown", "says"),
    [
        (figures(), "student: 30 of 120 calls, 2.0 a second, 12,000 tokens, cost $0.25, about 45 s to go"),
        (figures(expected=0), "student: 30 calls, 2.0 a second, 12,000 tokens, cost $0.25"),
        (figures(sent=0, tokens=0, dollars=0.0), "student: 30 of 120 calls, 0 tokens, cost $0.00"),
        (figures(dollars=float("nan"), done=120), "student: 120 of 120 calls, 2.0 a second, 12,000 tokens, cost -, *"),
    ],
    ids=["under way", "no plan", "before the first", "no price"],
)
def test_a_line_tells_done_rate_tokens_dollars_and_what_remains_as_far_as_they_are_known(shown, says):
    assert progress_line(shown).startswith(says.rstrip("*"))


def test_calls_kept_of_an_earlier_run_do_not_make_the_rate_better():
    assert figures(done=100, sent=20).rate == 2.0


def test_a_log_gets_a_line_every_so_often_and_not_every_call():
    now, said = [0.0], []
    lines = Lines(said.append, lambda: now[0])
    for second in range(int(2 * EVERY) + 1):
        now[0] = float(second)
        lines(figures(done=second))
    lines(None)
    assert [line.partition(" of")[0] for line in said] == [f"student: {int(EVERY)}", f"student: {int(2 * EVERY)}"]


def test_a_terminal_shows_a_bar_until_the_stage_is_over_and_messages_above_it():
    terminal = io.StringIO()
    bar = Bar(terminal)
    assert not bar.say("too early")
    bar(figures())
    assert bar.say("student: a word")
    bar(None)
    assert not bar.say("too late")
    shown = terminal.getvalue()
    assert "student: 30 of 120 calls" in shown
    assert "student: a word" in shown
    assert "too" not in shown
