"""The folders beside this file are projects of others: tests run copies of them, with the package from its wheel."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).parent
REPOSITORY = HERE.parents[1]
collect_ignore = [path.name for path in HERE.iterdir() if path.is_dir()]


@pytest.fixture(scope="session")
def installed(tmp_path_factory):
    """A folder with the package as the wheel installs it."""
    pytest.importorskip("hatchling", reason="the wheel's build backend comes with the extra 'test'")
    folder = tmp_path_factory.mktemp("installed")
    pip = [sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check"]
    wheels = folder / "wheels"
    building = [*pip, "wheel", "--no-deps", "--no-build-isolation", "--wheel-dir", str(wheels), str(REPOSITORY)]
    subprocess.run(building, check=True, capture_output=True)
    (wheel,) = wheels.glob("*.whl")
    subprocess.run([*pip, "install", "--no-deps", "--target", str(folder / "site"), str(wheel)], check=True)
    return folder / "site"


@pytest.fixture
def environment(installed):
    """The environment of a shell in which it is installed, outside of CI."""
    kept = {name: value for name, value in os.environ.items() if name not in ("CI", "GITHUB_STEP_SUMMARY")}
    return kept | {"PYTHONPATH": str(installed), "NO_COLOR": "1"}


@pytest.fixture
def run(environment):
    """Run a command in a project; fails unless it ends well, and gives what it printed."""

    def run(folder, *command, ci=True):
        words, env = [sys.executable, "-m", *command], environment | ({"CI": "true"} if ci else {})
        done = subprocess.run(words, cwd=folder, env=env, capture_output=True, text=True, check=False)
        assert done.returncode == 0, f"{command}\n{done.stdout[-5000:]}\n{done.stderr[-3000:]}"
        return done.stdout

    return run
