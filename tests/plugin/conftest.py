"""A small project, recorded once through the plugin itself; every test gets a copy of its own."""

import importlib
import os
import shutil
import subprocess
import sys
from contextlib import ExitStack, suppress

import pytest

pytest.importorskip("uvicorn", reason="the loopback endpoint comes with the extra 'test'")
from tests.endpoint import Endpoint, served
from tests.projects import write_project

# pytester forgets the modules that a run inside it imported. numpy cannot be loaded twice, httpx maps the errors of the
# httpcore that it first saw, and all take time, most of it hypothesis, which pytest rewrites each time.
for name in (
    "hypothesis",
    "hypothesis.core",
    "httpcore",
    "anyio._backends._asyncio",
    "dspy",
    "dspy.clients.execution",
    "dspy.teleprompt",
    "genai_prices",
    "openai",
    "optuna",
    "rich.console",
    "scipy.stats",
):
    importlib.import_module(name)
with suppress(ImportError):  # what openai sends over from version 3 on
    for name in ("httpx2", "httpcore2"):
        importlib.import_module(name)
with suppress(ImportError):  # the extra `report`
    for name in ("jinja2", "matplotlib.figure", "matplotlib.backends.backend_svg"):
        importlib.import_module(name)
for module in (
    "stages.evaluate",
    "stages.optimize",
    "stages.distill",
    "tuning.openai_api",
    "run.lifecycle",
    "testing.plugin",
    "testing.options",
):
    importlib.import_module(f"distillgate.{module}")
importlib.import_module("news.task")

ROOT = __file__.rpartition("tests")[0]
GATES = """
import pytest

@pytest.mark.teacher
def test_teacher(gate): gate("teacher_accuracy")

@pytest.mark.teacher
def test_plain_teacher(teacher_scorecard): assert teacher_scorecard.n

@pytest.mark.student
def test_student(student_scorecard): assert student_scorecard.n

@pytest.mark.distill
def test_retention(gate): gate("retention")

@pytest.mark.latency
def test_latency(latency_benchmark): latency_benchmark("student")

def test_accepted(accepted): accepted("student")
"""


@pytest.fixture(scope="session")
def recorded(tmp_path_factory):
    folder = tmp_path_factory.mktemp("recorded")
    environment = {name: value for name, value in os.environ.items() if name not in ("CI", "GITHUB_STEP_SUMMARY")}
    with served(Endpoint()) as endpoint:
        write_project(folder, endpoint.url)
        (folder / "test_gates.py").write_text(GATES, "utf-8")
        command = [sys.executable, "-m", "pytest", "--distill-record", "--distill-update-golden", "-p", "no:xdist"]
        environment["PYTHONPATH"] = os.pathsep.join([*sys.path, ROOT])
        done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    (folder / "recording.txt").write_text(done.stdout, "utf-8")
    return folder


@pytest.fixture
def project(recorded, pytester, monkeypatch):
    """`pytester` in a copy of the recorded project, as a user's shell outside of CI would run it."""
    for name in ("CI", "DISTILLGATE_PROFILE", "GITHUB_STEP_SUMMARY", "PYTEST_XDIST_WORKER", "CLOUD_KEY"):
        monkeypatch.delenv(name, raising=False)
    shutil.copytree(recorded, pytester.path, dirs_exist_ok=True)
    path = pytester.path / "pyproject.toml"
    # a run over single files leaves out the claims of the settings, which tests/plugin/test_claims.py is about
    path.write_text(path.read_text("utf-8").replace("no:randomly", "no:randomly test_gates.py"), "utf-8")
    return pytester


@pytest.fixture
def every_file(settings):
    """Let a run without arguments take the whole project, as it does for users."""
    settings(" test_gates.py", "")


@pytest.fixture
def settings(project):
    """Replace text in the project's `pyproject.toml`."""

    def change(old, new):
        path = project.path / "pyproject.toml"
        text = path.read_text("utf-8")
        assert old in text
        path.write_text(text.replace(old, new), "utf-8")

    return change


@pytest.fixture
def serve(project, settings):
    """Serve an endpoint for the project's profile, whose table gets further lines; the endpoint comes back."""
    with ExitStack() as stack:

        def start(endpoint, *lines):
            running = stack.enter_context(served(endpoint))
            text = (project.path / "pyproject.toml").read_text("utf-8")
            base = next(line for line in text.splitlines() if line.startswith("api_base"))
            settings(base, "\n".join([f'api_base = "{running.url}"', *lines]))
            return running

        yield start
