"""Every way in which the files of a profile's tapes can be wrong is told apart, with file, line and way out."""

import shutil

import pytest
from distillgate.cassette.session import journal_path
from distillgate.stages import STAGES

NAMES = [stage.name for stage in STAGES]

STUDENT = "cassettes/news/loopback/student.jsonl"


def test_in_a_recorded_project_there_is_nothing_to_find(found):
    assert found() == []


def unversioned(content):
    return content.replace(b'"format":4', b'"format":5', 1)


BROKEN = [
    pytest.param(lambda whole: b"", lambda lines: 1, "empty, must begin with a header line", id="empty"),
    pytest.param(lambda whole: whole[:-40], lambda lines: lines, "the last line is cut off", id="truncated"),
    pytest.param(unversioned, lambda lines: 1, "format 5, this version reads 4", id="version"),
    pytest.param(
        lambda whole: whole + b"\xff\n", lambda lines: lines + 1, "not JSON and not even UTF-8 (byte 1", id="utf-8"
    ),
    pytest.param(
        lambda whole: whole + b"<<<<<<< HEAD\n",
        lambda lines: lines + 1,
        "not JSON but an unresolved merge conflict",
        id="merge-conflict",
    ),
    pytest.param(lambda whole: whole + b"{}\n", lambda lines: lines + 1, "not a cassette line", id="alien"),
]


@pytest.mark.parametrize(("damage", "at", "what"), BROKEN)
def test_a_broken_tape_is_named_with_its_line(tape, found, damage, at, what):
    whole = tape("student").read_bytes()
    tape("student").write_bytes(damage(whole))
    (finding,) = found("broken")
    assert finding.stages == ("student",)
    assert finding.message.startswith(f"{STUDENT}:{at(len(whole.splitlines()))}: {what}")


def test_a_damaged_tape_is_restored_or_recorded_again(tape, found):
    tape("student").write_bytes(b"")
    (finding,) = found("broken")
    assert finding.remedy == (
        f"git restore {STUDENT}; if it was committed so: distillgate record student --profile loopback"
    )


def test_a_folder_in_a_tapes_place_is_named(tape, found):
    tape("student").unlink()
    tape("student").mkdir()
    (finding,) = found("broken")
    assert finding.message.endswith("student.jsonl: Is a directory")


@pytest.mark.parametrize(
    "edit",
    [
        pytest.param(lambda lines: [*lines[:-1], lines[-1].replace(b'"seconds":', b'"seconds":1')], id="changed"),
        pytest.param(lambda lines: lines[:-1], id="lost-at-the-end"),
        pytest.param(lambda lines: [*lines, lines[-1]], id="twice"),
        pytest.param(lambda lines: [lines[0].replace(b'"seed":9', b'"seed":8'), *lines[1:]], id="header"),
    ],
)
def test_a_tape_that_is_not_what_was_recorded_is_broken(tape, found, edit):
    path = tape("distilled")
    lines = path.read_bytes().splitlines()
    assert edit(lines) != lines
    path.write_bytes(b"\n".join(edit(lines)) + b"\n")
    assert [finding.stages for finding in found("broken")] == [("distilled",)]


def test_a_tape_whose_lines_were_reordered_is_whole(tape, found):
    path = tape("distilled")
    header, *lines = path.read_bytes().splitlines()
    path.write_bytes(b"\n".join([header, *reversed(lines)]) + b"\n")
    assert found() == []


def test_a_tape_in_anothers_place_is_named_with_what_it_is(tape, found):
    shutil.copy(tape("student"), tape("teacher"))
    (finding,) = found("misplaced")
    assert finding.message == "cassettes/news/loopback/teacher.jsonl:1: the tape of stage 'student'"


def test_a_file_that_belongs_to_no_stage_is_orphaned(tape, found):
    shutil.copy(tape("student"), tape("pupil"))
    (finding,) = found("orphaned")
    assert finding.message == "cassettes/news/loopback/pupil.jsonl belongs to no stage of any profile"


def test_an_unfinished_recording_is_an_error(tape, found):
    tape("student").unlink()
    assert [(finding.severity, finding.stages) for finding in found("unfinished")] == [("error", ("student",))]


def test_what_a_journal_keeps_of_a_missing_stage_is_counted(tape, found):
    lines = tape("student").read_bytes().splitlines(keepends=True)
    journal_path(tape("student")).write_bytes(b"".join(line for line in lines if not line.startswith(b'{"text"')))
    tape("student").unlink()
    (finding,) = found("unfinished")
    assert "12 calls of what is missing are kept" in finding.message


def test_a_recording_of_which_no_stage_is_whole_concerns_the_profile(tape, found):
    for stage in NAMES:
        tape(stage).rename(journal_path(tape(stage)))
    assert [(finding.stages, finding.remedy) for finding in found("unfinished")] == [
        ((), "distillgate record --profile loopback")
    ]


def test_a_recording_begun_beside_a_whole_tape_is_a_note(tape, found):
    shutil.copy(tape("student"), journal_path(tape("student")))
    assert [(finding.severity, finding.stages) for finding in found("unfinished")] == [("note", ("student",))]


def test_a_profile_without_a_recording_is_told_to_make_one(found):
    (finding,) = found("unrecorded", profile="cloud")
    assert (finding.message, finding.remedy) == (
        "profile 'cloud' has no recording",
        "distillgate record --profile cloud",
    )


@pytest.mark.parametrize(("budget", "kinds"), [("0.001", ["size"]), ("1", [])], ids=["over", "within"])
def test_tapes_over_their_budget_are_an_error(settings, found, budget, kinds):
    settings('task = "', f'tape_budget_mb = {budget}\ntask = "')
    assert [finding.kind for finding in found() if finding.severity == "error"] == kinds


def test_what_is_over_the_budget_names_the_largest_tape(tape, settings, found):
    settings('task = "', 'tape_budget_mb = 0.001\ntask = "')
    largest = max(NAMES, key=lambda stage: tape(stage).stat().st_size)
    assert f"MB of it {largest}; the budget is" in found("size")[0].message
