"""Pins that a checkout that cannot be written to replays, is checked and is tested like any other.

Root may write whatever the permissions say, so that only a read-only mount proves anything to it: the checkout is
copied and bound onto itself, read-only, in a mount namespace of its own that ends with the command.
"""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]
PARTS = ("pyproject.toml", "README.md", "conftest.py", "pipeline", "tests", "cassettes", "golden")
MOUNTED = 'mount --bind "$0" "$0" && mount -o remount,ro,bind "$0" && cd "$0" && exec "$@"'
CHECKED = "profile local: "
NAMESPACE = ("unshare", "--map-root-user", "--mount", "sh", "-c", MOUNTED)


def mounts(folder):
    """Whether this machine binds a folder read-only in a namespace: a write must fail there, and reading work."""
    try:
        probe = [*NAMESPACE, str(folder), "sh", "-c", "ls pyproject.toml && ! touch written"]
        return subprocess.run(probe, capture_output=True, check=False).returncode == 0
    except FileNotFoundError:
        return False


@pytest.fixture(scope="module")
def checkout(tmp_path_factory):
    """A copy of what the checkout holds, without what runs have left in it."""
    folder = tmp_path_factory.mktemp("read-only") / "checkout"
    folder.mkdir()
    for part in PARTS:
        left = shutil.ignore_patterns("__pycache__", ".*")
        if (ROOT / part).is_dir():
            shutil.copytree(ROOT / part, folder / part, ignore=left)
        else:
            shutil.copy(ROOT / part, folder / part)
    return folder


@pytest.fixture(scope="module")
def run(checkout):
    """Run Python with arguments in the checkout, which nothing can be written to."""
    environment = {
        name: value for name, value in os.environ.items() if not name.startswith(("PYTEST_", "DISTILLGATE_"))
    }
    environment |= {"PYTHONPATH": str(checkout / "pipeline")}
    environment.pop("CI", None)
    environment.pop("GITHUB_STEP_SUMMARY", None)
    if mounts(checkout):
        prefix = [*NAMESPACE, str(checkout)]
    elif sys.platform != "win32" and os.geteuid() != 0:
        for path in [checkout, *checkout.rglob("*")]:
            path.chmod(0o555 if path.is_dir() else 0o444)
        prefix = []
    else:
        pytest.skip("nothing makes a folder read-only here: no mount namespace, and permissions do not bind this user")
    yield lambda *words: subprocess.run(
        [*prefix, sys.executable, *words], cwd=checkout, env=environment, capture_output=True, text=True, check=False
    )
    if not prefix:
        for path in [checkout, *checkout.rglob("*")]:
            path.chmod(0o755)


def files(folder):
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*"))


def test_the_checkout_cannot_be_written_to(run):
    done = run("-c", "open('written', 'w')")
    assert "Read-only file system" in done.stderr or "Permission denied" in done.stderr


@pytest.mark.parametrize(
    ("words", "says"),
    [
        pytest.param(("-m", "distillgate"), "may replace", id="distillgate"),
        pytest.param(("-m", "distillgate", "check"), CHECKED, id="check"),
        pytest.param(("-m", "distillgate", "check", "--replay"), CHECKED, id="check-replay"),
        pytest.param(("-m", "pytest", "tests/gates"), " passed", id="pytest"),
        pytest.param(("-m", "pytest", "tests/gates", "-n", "2"), " passed", id="pytest-in-two-processes"),
    ],
)
def test_a_read_only_checkout_is_green(run, checkout, words, says):
    before = files(checkout)
    done = run(*words)
    shown = done.stdout + done.stderr
    assert done.returncode == 0, shown[-3000:]
    assert says in shown
    assert "Traceback" not in shown
    assert files(checkout) == before
