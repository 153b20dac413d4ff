"""Pins that a recording survives its process and its disk: nothing is paid twice, and the old tape stays."""

import dataclasses
import functools
import os
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest
from distillgate.cassette.format import Recording, read

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="Windows neither forks nor kills")

OLD = b"the old tape\n"
FULL = "cannot be written: File too large. Free space on the disk of"
GONE = "cannot be written: No such file or directory. Put"


@dataclass(frozen=True)
class Crash:
    path: Path
    outcome: str
    tape: bytes
    """What lay at the tape's path after the crash."""

    resumed: str
    """What became of the next recording."""

    sent: int
    """Calls that both sent."""


@pytest.fixture
def path(tmp_path):
    path = tmp_path / "tapes" / "teacher.jsonl"
    path.parent.mkdir()
    path.write_bytes(OLD)
    return path


@pytest.fixture(scope="module")
def crash(tmp_path_factory, record, endpoint):
    """A recording that something happened to after so many answers, and the next one."""

    @functools.cache
    def crash(event, after):
        path = tmp_path_factory.mktemp("crash") / "teacher.jsonl"
        path.write_bytes(OLD)
        endpoint.requests.clear()
        outcome, tape = record(path, event, after), path.read_bytes()
        return Crash(path, outcome, tape, record(path), endpoint.requests.total())

    return crash


@pytest.fixture(scope="module")
def uninterrupted(tmp_path_factory, record):
    path = tmp_path_factory.mktemp("uninterrupted") / "teacher.jsonl"
    assert record(path) == "recorded"
    return read(path)


def lasting(recording):
    """A recording without what differs from run to run: seconds, and where a line stands that was asked again."""
    ordered = sorted(recording.interactions, key=lambda one: one.request.key)
    return Recording(recording.header, [dataclasses.replace(one, seconds=0.0) for one in ordered])


KEPT = [
    pytest.param("killed", 0, id="before-the-first-call"),
    pytest.param("killed", 1, id="after-one-answer"),
    pytest.param("killed", 4, id="after-four-answers"),
    pytest.param("killed-behind-the-line", 2, id="behind-a-line"),
    pytest.param("killed-with-zeros-behind", 3, id="zeros-behind-the-lines"),
    pytest.param("killed-within-the-tape", 5, id="within-the-tape"),
    pytest.param("killed-behind-the-tape", 5, id="behind-the-tape"),
    pytest.param("no-room-for-the-tape", 5, id="no-room-for-the-tape"),
]
LOST = [
    pytest.param("killed-unwritten", 0, id="first-answer-unwritten"),
    pytest.param("killed-unwritten", 3, id="fourth-answer-unwritten"),
    pytest.param("killed-within-the-line", 0, id="within-the-first-line"),
    pytest.param("killed-within-the-line", 4, id="within-the-last-line"),
    pytest.param("killed-with-a-line-of-zeros", 3, id="a-line-of-zeros"),
    pytest.param("disk-full", 2, id="disk-full"),
]


@pytest.mark.parametrize(("event", "after"), [one for one in KEPT + LOST if one.values[0].startswith("killed")])
def test_a_killed_process_says_nothing(crash, event, after):
    assert crash(event, after).outcome == "killed"


@pytest.mark.parametrize(("event", "after"), KEPT)
def test_what_was_answered_is_not_asked_again(crash, event, after, calls):
    assert (crash(event, after).resumed, crash(event, after).sent) == ("recorded", calls)


@pytest.mark.parametrize(("event", "after"), LOST)
def test_only_the_call_in_flight_is_asked_again(crash, event, after, calls):
    assert (crash(event, after).resumed, crash(event, after).sent) == ("recorded", calls + 1)


@pytest.mark.parametrize(("event", "after"), KEPT + LOST)
def test_the_resumed_tape_is_that_of_an_uninterrupted_recording(crash, event, after, uninterrupted):
    assert lasting(read(crash(event, after).path)) == lasting(uninterrupted)


@pytest.mark.parametrize(("event", "after"), KEPT + LOST)
def test_a_resumed_recording_leaves_nothing_but_its_tape(crash, event, after):
    assert [file.name for file in crash(event, after).path.parent.glob("[!.]*")] == ["teacher.jsonl"]


@pytest.mark.parametrize(("event", "after"), [one for one in KEPT + LOST if one.id != "behind-the-tape"])
def test_the_old_tape_stays_until_the_new_one_is_whole(crash, event, after):
    assert crash(event, after).tape == OLD


@pytest.mark.parametrize(
    ("event", "after", "says"),
    [
        pytest.param("disk-full", 2, f"teacher.recording.jsonl {FULL}", id="disk-full"),
        pytest.param("no-room-for-the-tape", 5, f"teacher.jsonl {FULL}", id="no-room-for-the-tape"),
        pytest.param("folder-moved", 2, f"teacher.recording.jsonl {GONE}", id="folder-moved"),
        pytest.param("folder-deleted", 2, f"teacher.recording.jsonl {GONE}", id="folder-deleted"),
    ],
)
def test_what_the_disk_refuses_is_told_though_the_evaluation_goes_on(path, record, event, after, says):
    assert says in record(path, event, after)


@pytest.mark.parametrize("event", ["disk-full", "folder-moved", "folder-deleted"])
def test_no_call_is_paid_for_once_its_answer_cannot_be_kept(path, record, endpoint, event):
    endpoint.requests.clear()
    record(path, event, 2)
    assert endpoint.requests.total() == 3


def test_a_folder_that_was_moved_away_keeps_the_old_tape(path, record):
    record(path, "folder-moved", 2)
    assert (path.parent.with_name("moved") / "teacher.jsonl").read_bytes() == OLD


def test_nothing_is_written_where_the_folder_was(path, record):
    record(path, "folder-moved", 2)
    assert not path.parent.exists()


def test_in_a_folder_that_was_put_back_the_recording_goes_on(path, record, endpoint, calls):
    endpoint.requests.clear()
    record(path, "folder-moved", 2)
    path.parent.with_name("moved").rename(path.parent)
    assert (record(path), endpoint.requests.total()) == ("recorded", calls)


def test_a_file_in_the_place_of_the_folder_is_named_before_a_call_is_made(tmp_path, record, endpoint):
    (tmp_path / "tapes").write_text("no folder", "utf-8")
    endpoint.requests.clear()
    said = record(tmp_path / "tapes" / "teacher.jsonl")
    assert "Move what stands in the way of" in said
    assert endpoint.requests.total() == 0


@pytest.mark.skipif(sys.platform != "win32" and os.geteuid() == 0, reason="root may write anywhere")
def test_a_read_only_folder_is_named_before_a_call_is_made(path, record, endpoint):
    path.parent.chmod(0o555)
    endpoint.requests.clear()
    said = record(path)
    path.parent.chmod(0o755)
    assert f"Allow writing to {path.parent}" in said
    assert endpoint.requests.total() == 0
