"""Five projects of other teams: their own layouts, installed from the wheel, recorded, replayed in CI, reported.

What the endpoint says is known, so every figure of the reports is compared with what it must be.
"""

import json
import shutil
from pathlib import Path

import pytest

pytest.importorskip("uvicorn", reason="the loopback endpoint comes with the extra 'test'")
from tests.endpoint import Endpoint, served
from tests.tasks import replies

pytestmark = pytest.mark.slow
HERE = Path(__file__).parent
LOST = 7 / 8
"""Of the eight test items, the tuned student gets one wrong."""

TAUGHT = {"teacher": 1.0, "student": 0.0, "distilled": LOST}
SEARCHED = {"optimized": 1.0, "student": 0.0, "distilled": LOST}
PROJECTS = [
    pytest.param("support", SEARCHED, 2, 10.0, id="equal fields, token F1"),
    pytest.param("invoices", TAUGHT, 1, 1.0, id="Pydantic, missing values"),
    pytest.param("agent", TAUGHT, 3, 10.0, id="ReAct, a judge"),
    pytest.param("library", TAUGHT, 2, 1.0, id="embeddings"),
    pytest.param("mails", {"optimized": 1.0, "distilled": LOST}, 2, 1.0, id="async, JSON, GEPA"),
]
"""Folder, mean score of stages, calls an item, and how much cheaper the student's tokens are."""


@pytest.mark.parametrize(("name", "accuracies", "calls", "cheaper"), PROJECTS)
def test_a_foreign_project_is_recorded_gated_replayed_and_reported(tmp_path, run, name, accuracies, calls, cheaper):
    project = shutil.copytree(HERE / name, tmp_path / name)
    endpoint = Endpoint()
    endpoint.script = replies.reply(getattr(replies, name))
    with served(endpoint):
        for path in (*project.rglob("*.py"), project / "pyproject.toml"):
            path.write_text(path.read_text("utf-8").replace("{url}", endpoint.url), "utf-8")
        run(project, "distillgate", "record", ci=False)
    run(project, "pytest", "--distill-update-golden", "-k", "accepted", ci=False)
    run(project, "pytest", "-p", "no:randomly", "--distill-report-json", "report.json")
    if calls == 2:  # concurrent calls, and several predictors
        run(project, "pytest", "-n", "2")
    run(project, "distillgate", "check")
    said = run(project, "distillgate", "report", "--to", "out")
    assert "the student may replace the teacher" in said
    assert (project / "out" / "index.html").stat().st_size > 10_000
    report = json.loads((project / "report.json").read_text("utf-8"))
    stages = report["stages"]
    assert {stage: stages[stage]["accuracy"]["value"] for stage in accuracies} == pytest.approx(accuracies)
    lines = (project / ("evaluation/golden" if name == "support" else "golden")).rglob("distilled.jsonl")
    items = [json.loads(line) for path in lines for line in path.read_text("utf-8").splitlines()[1:]]
    assert {item["calls"] for item in items} == {calls}
    if cheaper > 1:  # priced by tokens, and the same number of tokens: the prices alone decide
        assert report["comparison"]["cost_reduction"] == pytest.approx(cheaper, rel=0.35)
