"""Pins that inside the guard no program starts that could reach a host unseen, except those that are named."""

import os
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import pytest
from distillgate.cassette.guard import guarded
from distillgate.errors import NetworkBlockedError

STARTS = [
    pytest.param(lambda: subprocess.run(["curl", "http://127.0.0.1:9"], check=False), "curl", id="subprocess"),
    pytest.param(lambda: subprocess.run("curl http://127.0.0.1:9", shell=True, check=False), "curl", id="shell"),
    pytest.param(lambda: subprocess.Popen([sys.executable, "-c", ""]), Path(sys.executable).name, id="python"),
    pytest.param(lambda: os.system("curl http://127.0.0.1:9"), "curl", id="os.system"),
    pytest.param(lambda: os.posix_spawn("/usr/bin/curl", ["curl"], {}), "curl", id="posix_spawn"),
    pytest.param(lambda: os.execv("/usr/bin/curl", ["curl"]), "curl", id="exec"),
]


@pytest.mark.parametrize(("start", "name"), STARTS)
def test_a_program_that_is_started_is_stopped_and_named(start, name):
    with suppress(NetworkBlockedError), guarded(), pytest.raises(NetworkBlockedError, match=f"to start '{name}'"):
        start()


def test_a_program_that_is_named_may_be_started():
    with guarded(programs=["true"]):
        assert subprocess.run(["true"], check=True).returncode == 0


def test_a_library_may_ask_what_machine_this_is():
    with guarded():
        subprocess.run(["uname", "-s"], check=True, capture_output=True)


def test_a_program_starts_again_after_the_block():
    with guarded():
        pass
    assert subprocess.run(["true"], check=True).returncode == 0
