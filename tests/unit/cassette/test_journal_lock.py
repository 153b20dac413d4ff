"""Pins that one process at a time records into a journal."""

import os
import subprocess
import sys
from pathlib import Path

import distillgate
import pytest
from distillgate.cassette.journal import Journal
from distillgate.cassette.redact import Redactor
from distillgate.cassette.session import journal_path, recording
from distillgate.errors import CassetteError

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="Windows has no advisory locks")

RECORD = """
import sys
from pathlib import Path
from distillgate.cassette.journal import Journal
from distillgate.cassette.request import Canonical
from distillgate.cassette.redact import Redactor
from distillgate.cassette.interaction import Interaction
journal = Journal(Path(sys.argv[1]), {"seed": 9}, Redactor())
journal.append(Interaction(Canonical("GET", "/v1/models", None), 200, "application/json", [], 0.25, 1))
print("recorded", flush=True)
sys.stdin.read()
"""


@pytest.fixture
def other(path):
    """Another process that has recorded one call and is not done."""
    command = [sys.executable, "-c", RECORD, journal_path(path)]
    root = Path(distillgate.__file__).parents[1]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    with subprocess.Popen(command, cwd=root, **pipes) as process:
        try:
            assert process.stdout.readline() == b"recorded\n"
            yield process
        finally:
            process.kill()


def test_a_second_process_is_refused_and_told_which_one_records(path, other):
    with pytest.raises(CassetteError, match=f"process {other.pid} is recording"), recording(path, {}, Redactor()):
        pass


def test_a_recording_goes_on_from_a_process_that_was_killed(path, other):
    other.kill()
    other.wait()
    with recording(path, {}, Redactor()) as tape:
        assert len(tape) == 1


def test_a_tape_is_not_recorded_twice_within_a_process(path):
    with recording(path, {}, Redactor()), pytest.raises(CassetteError, match=f"process {os.getpid()} is recording"):
        Journal(journal_path(path), {}, Redactor())


def test_a_refused_process_leaves_the_journal_as_it_is(path):
    with recording(path, {"seed": 9}, Redactor()):
        content = journal_path(path).read_bytes()
        with pytest.raises(CassetteError):
            Journal(journal_path(path), {}, Redactor())
        assert journal_path(path).read_bytes() == content


def test_a_rewritten_journal_stays_locked(path):
    with recording(path, {}, Redactor()) as tape:
        tape.forget(lambda path: True)
        with pytest.raises(CassetteError, match="is recording"):
            Journal(journal_path(path), {}, Redactor())


def test_a_refused_journal_is_not_locked(path):
    journal_path(path).write_bytes(b'{"distillgate":{"format":4}}\n')
    for _ in range(2):
        with pytest.raises(CassetteError, match="a line without a checksum"):
            Journal(journal_path(path), {}, Redactor())


@pytest.mark.parametrize("end", [None, KeyboardInterrupt])
def test_a_recording_that_ended_leaves_no_lock(path, end):
    try:
        with recording(path, {}, Redactor()):
            if end:
                raise end
    except KeyboardInterrupt:
        pass
    assert [file.name for file in path.parent.iterdir()] == [journal_path(path).name if end else path.name]
