"""`distillgate init`: files that work, in projects of any layout; nothing that was there is touched."""

import json
import os
import subprocess
import sys
import tomllib
from importlib.resources import files
from pathlib import Path

import pytest

pytest.importorskip("uvicorn", reason="the loopback endpoint comes with the extra 'test'")
from distillgate.cli import main
from distillgate.config import load_config
from distillgate.golden import load_golden
from distillgate.stages import load_graph
from distillgate.starter import SPLITS
from distillgate.task import load_task

from tests.endpoint import Endpoint, served

FILES = {
    *("tickets_task.py", "tests/test_tickets_distillation.py", ".github/workflows/distillgate-tickets.yml"),
    *(f"golden/tickets/{split}.jsonl" for split in ("train", "dev", "test")),
    *("pyproject.toml", ".gitignore"),
}
THEIRS = """[project]
name = "shop"   # theirs
version = "1"

[tool.pytest.ini_options]
addopts = ["--strict-markers", "--strict-config", "-p", "no:cacheprovider", "-p", "no:randomly"]
filterwarnings = ["error"]
xfail_strict = true
"""


@pytest.fixture
def begin(tmp_path, monkeypatch, capsys):
    """Run `distillgate init` in a folder; the exit code and what it printed."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("DISTILLGATE_PROFILE", raising=False)

    def begin(*options):
        code = main(["init", *options])
        printed = capsys.readouterr()
        return code, printed.out + printed.err

    return begin


def there(folder):
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}


def test_an_empty_folder_gets_a_whole_project(tmp_path, begin):
    assert begin()[0] == 0
    assert there(tmp_path) == FILES
    config = load_config(tmp_path)
    task = load_task(config.task, config.pythonpath)
    golden = load_golden(config.golden / task.name, task)
    assert [len(split) for split in (golden.train, golden.dev, golden.test)] == [12, 12, 12]
    assert load_graph(config).names == ("teacher", "traces", "student", "distill", "distilled")


def test_what_is_there_stays_and_is_named(tmp_path, begin):
    (tmp_path / "tickets_task.py").write_text("mine = 1\n", "utf-8")
    (tmp_path / "pyproject.toml").write_text(THEIRS, "utf-8")
    (tmp_path / ".gitignore").write_text("*.pyc\n.env", "utf-8")
    _, said = begin()
    assert "left  tickets_task.py, which is there already" in said
    assert (tmp_path / "tickets_task.py").read_text("utf-8") == "mine = 1\n"
    assert (tmp_path / "pyproject.toml").read_text("utf-8").startswith(THEIRS.rstrip())
    assert (tmp_path / ".gitignore").read_text("utf-8").splitlines()[:3] == ["*.pyc", ".env", ".distillgate/"]
    before = {name: (tmp_path / name).read_bytes() for name in there(tmp_path)}
    assert begin()[0] == 0
    assert {name: (tmp_path / name).read_bytes() for name in there(tmp_path)} == before


def test_task_endpoint_and_models_are_chosen_by_options(tmp_path, begin):
    options = (
        "--task",
        "mails",
        "--api-base",
        "https://llm.example/v1",
        "--teacher",
        "openai/big",
        "--key-env",
        "LLM_KEY",
    )
    begin(*options, "--student", "openai/small")
    config = load_config(tmp_path)
    assert (config.task, config.profile.models["teacher"].model) == ("mails_task:task", "openai/big")
    assert (config.profile.models["student"].api_base, config.profile.key_names) == (
        "https://llm.example/v1",
        ["LLM_KEY"],
    )
    assert "local" not in tomllib.loads((tmp_path / "pyproject.toml").read_text("utf-8"))["tool"]["distillgate"]


@pytest.mark.parametrize(
    ("options", "why"),
    [
        pytest.param(("--task", "My-Task"), "is no name of a task", id="task"),
        pytest.param(("--teacher", "gpt-4.1"), "has no provider before its name, as openai/gpt-4.1 has", id="model"),
        pytest.param(("--api-base", "llm.example"), "is no address", id="address"),
        pytest.param(("--key-env", "MY KEY"), "is no name of an environment variable", id="variable"),
    ],
)
def test_a_name_that_cannot_be_is_refused_before_a_file_is_written(tmp_path, begin, options, why):
    code, said = begin(*options)
    assert (code, there(tmp_path)) == (3, set())
    assert why in said


@pytest.mark.parametrize(
    ("settings", "why"),
    [
        pytest.param("[tool\n", "Mend it first", id="broken"),
        pytest.param("tool = { black = { line-length = 100 } }\n", "Write [tool] as tables", id="inline"),
    ],
)
def test_settings_that_cannot_be_added_to_are_left_alone(tmp_path, begin, settings, why):
    (tmp_path / "pyproject.toml").write_text(settings, "utf-8")
    code, said = begin()
    assert (code, there(tmp_path)) == (3, {"pyproject.toml"})
    assert why in said
    assert (tmp_path / "pyproject.toml").read_text("utf-8") == settings


class Desk(Endpoint):
    """Routes each ticket rightly; a student that is not tuned sends everything to billing."""

    def __init__(self):
        super().__init__()
        templates = files("distillgate") / "starter" / "templates"
        lines = [
            line for split in SPLITS for line in (templates / f"{split}.jsonl.txt").read_text("utf-8").splitlines()
        ]
        self._queues = {row["ticket"]: row["queue"] for row in map(json.loads, lines)}
        self.script = self._routed

    def _routed(self, body):
        asked = body["messages"][-1]["content"]
        queue = next(queue for ticket, queue in self._queues.items() if ticket in asked)
        queue = "billing" if body["model"].startswith("student") else queue
        return f"[[ ## reasoning ## ]]\nBy its words.\n\n[[ ## queue ## ]]\n{queue}\n\n[[ ## completed ## ]]"


@pytest.mark.slow
def test_from_init_to_gates_in_ci_beside_code_and_tests_of_theirs(tmp_path):
    (tmp_path / "pyproject.toml").write_text(THEIRS, "utf-8")
    for package in ("src/shop", "pipeline"):
        (tmp_path / package).mkdir(parents=True)
        (tmp_path / package / "__init__.py").write_text("", "utf-8")
    (tmp_path / "tests").mkdir()
    conftest = "import pytest\n\n@pytest.fixture\ndef theirs(): return 1\n"
    (tmp_path / "tests" / "conftest.py").write_text(conftest, "utf-8")
    (tmp_path / "tests" / "test_theirs.py").write_text("def test_theirs(theirs): assert theirs\n", "utf-8")
    with served(Desk()) as endpoint:
        run = running(tmp_path)
        run(
            "distillgate",
            "init",
            "--api-base",
            endpoint.url,
            "--teacher",
            "openai/teacher",
            "--student",
            "openai/student",
        )
        assert "traces: 12 calls" in run("distillgate", "record", "--dry-run")
        run("distillgate", "record")
    assert "accepted as" in run("pytest", "--distill-update-golden")
    assert "passed" in run("pytest", ci=True)
    assert "Yes: the student may replace the teacher" in run("distillgate", ci=True)
    assert "passed" in run("python", "-m", "pytest", "-n", "2", ci=True)


def running(folder):
    """Runs a command of this environment in a folder; fails unless it ends well."""
    home = Path(sys.executable).parent
    source = str(Path(__file__).parents[2] / "pipeline")

    def run(*command, ci=False):
        environment = {name: value for name, value in os.environ.items() if name not in ("CI", "GITHUB_STEP_SUMMARY")}
        environment |= {"PATH": f"{home}{os.pathsep}{os.environ['PATH']}", "PYTHONPATH": source}
        environment |= {"CI": "true"} if ci else {}
        done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-2000:]
        return done.stdout

    return run
