"""Pins that no secret reaches a terminal, a report or a saved result, whatever raised, printed or answered it."""

import json

import pytest

pytest.importorskip("uvicorn", reason="the loopback endpoint comes with the extra 'test'")
from distillgate import cli as command
from distillgate.errors import FineTuningError
from distillgate.results import baseline
from distillgate.results.scorecard import ItemResult, Scorecard
from distillgate.run.lifecycle import Lifecycle
from starlette.responses import JSONResponse

from tests.endpoint import Endpoint, served
from tests.planted import KINDS, PRIVATE_KEY
from tests.projects import record_project, write_project

TEXTS = "\n".join(one.text for one in KINDS.values())
ALL = f"{TEXTS}\n{PRIVATE_KEY}"
TUNED = KINDS["tuned-model"]


def survivors(content):
    found = [kind for kind, one in KINDS.items() if one.survives(content)]
    return found + [line for line in PRIVATE_KEY.split("\n") if line in content]


TROUBLE = """
import logging
import sys
from pathlib import Path

import pytest

def planted(): return Path("planted").read_text("utf-8")

@pytest.fixture
def broken(): raise RuntimeError(planted())

def test_assertion(): assert planted() == ""

def test_error(): raise RuntimeError(planted())

def test_cause():
    try:
        raise RuntimeError(planted())
    except RuntimeError as error:
        raise ValueError("as it was") from error

def test_failure_without_a_traceback(): pytest.fail(planted(), pytrace=False)

def test_skip(): pytest.skip(planted().replace(chr(10), " "))

def test_output():
    print(planted())
    print(planted(), file=sys.stderr)
    1 / 0

def test_log():
    logging.error(planted())
    1 / 0

def test_locals():
    held = planted()
    lines = held.split(chr(10))
    1 / 0

def test_fixture(broken): pass
"""

PROJECT = """
[tool.distillgate]
task = "news.task:task"
profile = "a"
[tool.distillgate.profiles.a]
teacher = { model = "openai/a" }
student = { model = "openai/b" }
"""
IMPORT = "from pathlib import Path\nraise RuntimeError(Path('planted').read_text('utf-8'))"


def test_no_report_of_a_test_tells_a_secret(pytester):
    pytester.makepyprojecttoml(PROJECT)
    pytester.makepyfile(test_trouble=TROUBLE, test_import=IMPORT)
    (pytester.path / "planted").write_text(ALL, "utf-8")
    options = ["-rA", "--showlocals", "--continue-on-collection-errors", "--junitxml=junit.xml", "-p", "no:randomly"]
    result = pytester.runpytest("-vv", *options, "test_trouble.py", "test_import.py")
    result.assert_outcomes(failed=7, skipped=1, errors=2)
    shown = f"{result.stdout}\n{result.stderr}\n{(pytester.path / 'junit.xml').read_text('utf-8')}"
    assert survivors(shown) == []


@pytest.mark.parametrize("error", [FineTuningError(ALL), RuntimeError(ALL)], ids=["expected", "unexpected"])
def test_no_error_of_the_command_tells_a_secret(monkeypatch, capsys, error):
    def broken(*arguments):
        raise error

    monkeypatch.setattr(command, "find_root", broken)
    assert command.main([]) == 3
    shown = "\n".join(capsys.readouterr())
    assert "[secret:" in shown
    assert survivors(shown) == []


def test_an_accepted_result_holds_no_secret(tmp_path):
    item = ItemResult(
        id="a-1",
        slices={},
        cluster="",
        reference="",
        outputs={},
        expected="sports",
        answer=TEXTS,
        score=0.0,
        correct=False,
        parse_failure=False,
        secondary={},
        calls=1,
        prompt_tokens=1,
        cached_tokens=0,
        completion_tokens=1,
        seconds=0.1,
        alone=True,
    )
    path = tmp_path / "student.jsonl"
    baseline.save(path, Scorecard("student", TUNED.text, (item,), {"data": "x", "models": [TUNED.text]}))
    assert survivors(path.read_text("utf-8")) == []
    assert baseline.load(path).n == 1


class Owned(Endpoint):
    """Names tuned models after an organisation, as OpenAI does, and puts an address into every proposal."""

    async def _retrieve(self, request):
        return self._instead(await super()._retrieve(request), b":test", f":{TUNED.secret}:news:Ab12Cd34")

    async def _chat(self, request):
        return self._instead(await super()._chat(request), b"main statement", f"word of {KINDS['e-mail'].secret}")

    def _instead(self, response, old, new):
        return JSONResponse(json.loads(response.body.replace(old, new.encode())), response.status_code)


@pytest.fixture(scope="module")
def recorded(tmp_path_factory):
    folder = tmp_path_factory.mktemp("project")
    endpoint = Owned()
    lifecycle = record_project(folder, endpoint, {"train": 2, "dev": 1, "test": 1})
    for stage in lifecycle.graph.evaluations:
        baseline.save(lifecycle.baseline(stage), lifecycle.scorecard(stage))
    asked = {body["model"] for body in endpoint.bodies if body and "messages" in body}
    return lifecycle, asked


def test_the_endpoint_is_asked_for_its_tuned_model_by_its_whole_name(recorded):
    assert f"ft:student:{TUNED.secret}:news:Ab12Cd34" in recorded[1]


def test_no_file_of_a_distillation_holds_a_secret(recorded):
    settings = recorded[0].config
    files = [path for folder in (settings.cassettes, settings.golden) for path in folder.rglob("*") if path.is_file()]
    content = "\n".join(path.read_text("utf-8") for path in files)
    assert "[secret:organization]" in content
    assert "[secret:email]" in content
    assert survivors(content) == []


def test_a_distillation_with_secrets_replays_to_the_same_results(recorded):
    replayed = Lifecycle(recorded[0].config)
    assert [replayed.scorecard(s).items for s in replayed.graph.evaluations] == [
        recorded[0].scorecard(s).items for s in replayed.graph.evaluations
    ]


class Refusing(Endpoint):
    """Quotes secrets in its errors."""

    async def _chat(self, request):
        await request.body()
        return JSONResponse({"error": {"message": ALL, "type": "invalid_request_error"}}, 401)


def test_what_a_recording_prints_tells_no_secret(pytester, monkeypatch):
    for name in ("CI", "DISTILLGATE_PROFILE", "PYTEST_XDIST_WORKER"):
        monkeypatch.delenv(name, raising=False)
    with served(Refusing()) as endpoint:
        write_project(pytester.path, endpoint.url)
        settings = pytester.path / "pyproject.toml"
        named = '[tool.distillgate]\ncassettes = "tapes-4711"'
        settings.write_text(settings.read_text("utf-8").replace("[tool.distillgate]", named), "utf-8")
        (pytester.path / ".env").write_text('TAPES_TOKEN="tapes-4711"\n', "utf-8")
        pytester.makepyfile("def test(student_scorecard): pass")
        result = pytester.runpytest("--distill-record=student", "-p", "no:randomly")
    shown = f"{result.stdout}\n{result.stderr}"
    result.stdout.fnmatch_lines(
        ["student: recording *[[]secret:env:TAPES_TOKEN]*", "stage 'student' stopped at a call*"]
    )
    assert survivors(shown) == []
    assert "tapes-4711" not in shown
