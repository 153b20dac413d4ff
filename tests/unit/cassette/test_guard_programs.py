"""Pins that inside the guard no program starts that could reach a host unseen, except those that are named."""

import multiprocessing
import multiprocessing.forkserver
import os
import re
import subprocess
import sys
from contextlib import suppress
from multiprocessing import resource_tracker
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


PYTHON = Path(sys.executable).name


def start_child(method):
    multiprocessing.get_context(method).Process(target=print).start()


STARTS += [
    pytest.param(lambda: start_child("spawn"), PYTHON, id="multiprocessing-spawn"),
    pytest.param(lambda: start_child("forkserver"), PYTHON, id="multiprocessing-forkserver"),
    pytest.param(lambda: subprocess.Popen(["true"], executable="/usr/bin/curl"), "curl", id="executable"),
    pytest.param(
        lambda: subprocess.Popen("true", shell=True, executable="/bin/curl"), "curl", id="executable-of-shell"
    ),
    pytest.param(lambda: subprocess.Popen(["/bin/sh", "-c", "curl"], executable="env"), "env", id="executable-for-sh"),
    pytest.param(lambda: os.posix_spawn("/usr/bin/curl", ["true"], {}), "curl", id="posix_spawn-under-another-name"),
    pytest.param(lambda: os.execv("/bin/sh", ["sh", "-c", "curl x"]), "curl", id="exec-of-a-shell"),
    pytest.param(lambda: subprocess.Popen("X=1 true", shell=True), "X=1", id="assignment"),
    pytest.param(lambda: subprocess.Popen(["bash", "-ec", "true"]), "bash", id="shell-with-options"),
    pytest.param(lambda: subprocess.Popen(["bash", "-c", "$0 x", "curl"]), "bash", id="shell-with-arguments"),
    pytest.param(lambda: subprocess.Popen("", shell=True), "[?]", id="empty-line"),
    pytest.param(
        lambda: sys.audit("_winapi.CreateProcess", None, '"curl.exe" http://x', None), "curl.exe", id="windows"
    ),
]


@pytest.mark.parametrize(("start", "name"), STARTS)
def test_a_program_that_is_started_is_stopped_and_named(start, name):
    with (
        suppress(NetworkBlockedError),
        guarded(["true"]),
        pytest.raises(NetworkBlockedError, match=f"to start '{name}'"),
    ):
        start()


def test_a_program_that_is_named_may_be_started():
    with guarded(programs=["true"]):
        assert subprocess.run(["true"], check=True).returncode == 0


LINES = {
    "then": ("true x; curl y", ";"),
    "and": ("true x && curl y", "&"),
    "or": ("true x || curl y", "|"),
    "pipe": ("true x | curl y", "|"),
    "background": ("true x & curl y", "&"),
    "new-line": ("true x\ncurl y", "\n"),
    "substitution": ("true $(curl y)", "$("),
    "backticks": ("true `curl y`", "`"),
    "quoted-substitution": ('true "a $(curl y)"', "$("),
    "quoted-backticks": ('true "a `curl y`"', "`"),
    "process": ("true <(curl y)", "("),
    "subshell": ("(curl y)", "("),
    "behind-a-quoted-escape": ("true $'\\''; curl y $'\\''", "$'"),
    "quote-in-a-comment": ("true # '\ncurl y # '", "#"),
    "after-an-escaped-quote": ("true \\'; curl y \\'", ";"),
    "within-an-expansion": ("true ${X:-$(curl y)}", "$("),
}


@pytest.mark.parametrize(("line", "sign"), LINES.values(), ids=LINES)
@pytest.mark.parametrize(
    "start", [os.system, lambda line: subprocess.run(["/bin/sh", "-c", line])], ids=["system", "sh"]
)
def test_a_shell_line_with_more_than_the_named_program_is_stopped(start, line, sign):
    stopped = pytest.raises(NetworkBlockedError, match=re.escape(f"a shell line with {sign!r}"))
    with suppress(NetworkBlockedError), guarded(["true"]), stopped:
        start(line)


def test_a_shell_line_that_no_shell_would_read_is_stopped():
    with suppress(NetworkBlockedError), guarded(["true"]), pytest.raises(NetworkBlockedError, match="cannot be read"):
        os.system("true 'x")


@pytest.mark.parametrize(
    "line",
    ["true 'a; b' \"c & d\" e\\;f", "true $HOME ${HOME} 2>&1 >/dev/null", "true '$(a)' '`b`' \"\\$(a) \\`b\\`\" 'c#'"],
    ids=["quoted", "redirected", "quoted-substitution"],
)
def test_a_shell_line_of_the_named_program_alone_runs(line):
    with guarded(["true"]):
        assert subprocess.run(line, shell=True, check=True).returncode == 0


def test_a_fork_server_that_runs_already_starts_nothing():
    context = multiprocessing.get_context("forkserver")
    child = context.Process(target=print)
    child.start()
    child.join()
    stopped = pytest.raises(NetworkBlockedError, match="fork server")
    try:
        with suppress(NetworkBlockedError), guarded(["true", PYTHON]), stopped:
            start_child("forkserver")
    finally:
        multiprocessing.forkserver._forkserver._stop()  # another test wants none that runs


def test_a_child_is_started_again_after_the_block():
    with guarded():
        pass
    child = multiprocessing.get_context("spawn").Process(target=print)
    child.start()
    child.join()
    assert child.exitcode == 0


def test_semaphores_may_be_counted():
    resource_tracker._resource_tracker._stop()
    with guarded():
        resource_tracker.ensure_running()


def test_a_forked_child_may_be_started():
    with guarded():
        child = multiprocessing.get_context("fork").Process(target=print)
        child.start()
        child.join()
    assert child.exitcode == 0


def test_a_library_may_ask_what_machine_this_is():
    with guarded():
        subprocess.run(["uname", "-s"], check=True, capture_output=True)


def test_a_program_starts_again_after_the_block():
    with guarded():
        pass
    assert subprocess.run(["true"], check=True).returncode == 0


def load(library, file):
    """As the interpreter reports it: the file of a library in machine code, none for what is only looked for."""
    sys.audit("import", library, file, None, None, None)


def test_a_library_with_sockets_of_its_own_is_refused_when_it_is_loaded():
    stopped = pytest.raises(NetworkBlockedError, match=r"grpc is loaded.*replay_libraries")
    with suppress(NetworkBlockedError), guarded(), stopped:
        load("grpc._cython.cygrpc", "cygrpc.so")


def test_a_library_with_sockets_of_its_own_is_refused_before_a_replay(monkeypatch):
    monkeypatch.setitem(sys.modules, "pycurl", sys)
    with pytest.raises(NetworkBlockedError, match="pycurl is loaded"), guarded():
        pytest.fail("entered")


def test_a_library_that_is_named_may_be_loaded(monkeypatch):
    monkeypatch.setitem(sys.modules, "pycurl", sys)
    with guarded(libraries=["pycurl", "grpc"]):
        load("grpc._cython.cygrpc", "cygrpc.so")


def test_a_library_may_be_looked_for():
    with guarded():
        load("uvloop", None)


def test_any_other_library_may_be_loaded():
    with guarded():
        load("orjson.orjson", "orjson.so")
