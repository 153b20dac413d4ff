"""Files are replaced whole or not at all."""

import stat
import subprocess
import sys

import pytest
from distillgate.files import write_atomically

KILLED_BEFORE_THE_CONTENT_IS_ON_DISK = """
import os, sys
from pathlib import Path
from distillgate.files import write_atomically
os.fsync = lambda descriptor: os._exit(9)
write_atomically(Path(sys.argv[1]), b"new")
"""


@pytest.fixture
def path(tmp_path):
    path = tmp_path / "kept.jsonl"
    path.write_bytes(b"old")
    return path


def test_new_content_replaces_the_old(path):
    write_atomically(path, b"new \xff\n")
    assert path.read_bytes() == b"new \xff\n"


def test_nothing_else_is_left_in_the_folder(path):
    write_atomically(path, b"new")
    assert [file.name for file in path.parent.iterdir()] == ["kept.jsonl"]


def test_missing_folders_are_made(tmp_path):
    write_atomically(tmp_path / "a" / "b" / "new.json", b"{}")
    assert (tmp_path / "a" / "b" / "new.json").read_bytes() == b"{}"


def test_everybody_may_read_what_was_written(path):
    write_atomically(path, b"new")
    assert stat.S_IMODE(path.stat().st_mode) == 0o644


def test_a_failing_write_leaves_the_old_content_and_no_temporary_file(path):
    with pytest.raises(TypeError):
        write_atomically(path, "text is not bytes")
    assert [(file.name, file.read_bytes()) for file in path.parent.iterdir()] == [("kept.jsonl", b"old")]


def test_a_failing_replacement_leaves_no_temporary_file(tmp_path):
    (tmp_path / "folder").mkdir()
    with pytest.raises(OSError):
        write_atomically(tmp_path / "folder", b"a folder stands in the way")
    assert [file.name for file in tmp_path.iterdir()] == ["folder"]


def test_a_process_killed_while_writing_leaves_the_old_content(path):
    ended = subprocess.run([sys.executable, "-c", KILLED_BEFORE_THE_CONTENT_IS_ON_DISK, str(path)], check=False)
    assert (ended.returncode, path.read_bytes()) == (9, b"old")
