"""Pins that no secret reaches a terminal, a report or a saved result, whatever raised, printed or answered it."""

import json

import pytest

pytest.importorskip("uvicorn", reason="the loopback endpoint comes with the extra 'test'")
from distillgate import commands
from distillgate.cli import main
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
import warnings
from pathlib import Path

import pytest

pytestmark = pytest.mark.usefixtures(USED)

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

def test_warning(): warnings.warn(planted())

@pytest.mark.xfail(reason=planted())
def test_expected_failure(): 1 / 0

@pytest.mark.xfail(reason=planted(), strict=False)
def test_unexpected_pass(): pass

def test_subtests(subtests):
    for number in range(2):
        with subtests.test(planted(), said=planted().split(chr(10))[0]):
            print(planted())
            logging.error(planted())
            assert planted() == number

@pytest.mark.parametrize("one", [1, 2], ids=[planted(), "x" + planted()])
def test_parameter(one): pass

@pytest.mark.parametrize("one", planted().partition("-----")[0].split(chr(10)))
def test_parameters(one): pass

def test_properties(record_property, record_testsuite_property, record_xml_attribute):
    record_property("said", planted())
    record_property("deep", {"a": [planted()], "path": Path(planted())})
    record_xml_attribute("said", planted())

def test_benchmark(benchmark):
    benchmark.extra_info["said"] = [planted()]
    benchmark.pedantic(lambda: None, rounds=1)
"""
REPORTS = (
    *("-rA", "-vv", "--showlocals", "--durations=0", "-p", "no:randomly", "-p", "no:xdist", "-o", "log_cli=true"),
    *("--junitxml=junit.xml", "--log-file=log.txt", "--benchmark-json=benchmark.json", "-o", "junit_logging=all"),
    *("-o", "junit_family=xunit1", "-W", "default"),
)

PROJECT = """
[tool.distillgate]
task = "news.task:task"
profile = "a"
[tool.distillgate.profiles.a]
teacher = { model = "openai/a" }
student = { model = "openai/b" }
"""


@pytest.fixture
def run(pytester, monkeypatch):
    """Run tests of a project with a text planted; gives the result and all that was shown and written."""
    for name in ("CI", "PYTEST_XDIST_WORKER", "GITHUB_STEP_SUMMARY"):
        monkeypatch.delenv(name, raising=False)

    def run(text, *options, **files):
        pytester.makepyprojecttoml(PROJECT)
        pytester.makepyfile(**files)
        (pytester.path / "planted").write_text(text, "utf-8")
        result = pytester.runpytest(*REPORTS, *options, *sorted(f"{name}.py" for name in files))
        names = ("junit.xml", "log.txt", "benchmark.json", ".pytest_cache/v/cache/nodeids")
        written = [path.read_text("utf-8") for name in names if (path := pytester.path / name).exists()]
        assert len(written) == len(names)
        return result, "\n".join([str(result.stdout), str(result.stderr), *written])

    return run


def test_no_report_of_a_test_that_uses_a_stage_tells_a_secret(run):
    _, shown = run(ALL, test_trouble=TROUBLE.replace("USED", "'lifecycle'"))
    assert shown.count("[secret:email]") > 50
    assert survivors(shown) == []


KNOWN = "kestrel-sandpiper-4711"


@pytest.fixture
def dotenv(pytester):
    (pytester.path / ".env").write_text(f'FEED="{KNOWN}"\nPIN=8153\n', "utf-8")


BROKEN = "from pathlib import Path\nraise RuntimeError(Path('planted').read_text('utf-8'))"


def test_no_report_of_any_test_tells_a_value_of_the_environment(run, dotenv):
    others = TROUBLE.replace("USED", "'tmp_path'").replace("(benchmark):", "(benchmark, record_testsuite_property):")
    others = others.replace("rounds=1)", "rounds=1)\n    record_testsuite_property('said', planted())")
    text = f"it is {KNOWN}, {json.dumps(KNOWN)} and 8153."
    result, shown = run(text, "--continue-on-collection-errors", test_import=BROKEN, test_trouble=others)
    assert result.parseoutcomes()["errors"] == 2
    assert shown.count("[secret:env:FEED]") > 50
    assert [shown[at - 200 : at + 40] for value in (KNOWN, "8153") if (at := shown.find(value)) >= 0] == []


UNRELATED = """
import pytest

def test_own(): assert "maria.kowal@mail.example" == "max.kowal@mail.example"

@pytest.mark.parametrize("address", ["maria.kowal@mail.example"])
def test_each(address, record_property): record_property("to", address)
"""


def test_the_failure_of_an_unrelated_test_is_shown_as_it_is(run, dotenv):
    _, shown = run(
        "",
        "-k",
        "test_own or test_each or test_one",
        test_a=UNRELATED,
        test_b="def test_one(benchmark): benchmark.pedantic(int, rounds=1)",
    )
    assert (
        "assert 'maria.kowal@...mail.example' == " in shown
        or "AssertionError: assert 'maria.kowal@mail.example'" in shown
    )
    assert "test_each[maria.kowal@mail.example]" in shown
    assert "[secret:" not in shown


ALIKE = f"""
import pytest

@pytest.mark.parametrize("one", [1, 2, 3], ids=["{KNOWN}", "[secret:env:FEED]", "x"])
def test_it(one, benchmark): benchmark.pedantic(int, rounds=1)
"""


def test_parameters_that_become_alike_stay_apart(run, dotenv):
    result, shown = run("", test_it=ALIKE)
    result.assert_outcomes(passed=3)
    for name in ("test_it[[secret:env:FEED]]", "test_it[[secret:env:FEED]-2]", "test_it[x]"):
        assert f"test_it.py::{name} PASSED" in shown.replace("  ", " ")


@pytest.mark.parametrize("error", [FineTuningError(ALL), RuntimeError(ALL)], ids=["expected", "unexpected"])
def test_no_error_of_the_command_tells_a_secret(monkeypatch, capsys, error):
    def broken(*arguments):
        raise error

    monkeypatch.setattr(commands, "find_root", broken)
    assert main([]) == 3
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
