"""The guide's files are written and its commands run, from a wheel to a red run and back."""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("uvicorn", reason="the loopback endpoint comes with the extra 'test'")
from tests.documentation import DOCS, README, blocks, matches
from tests.endpoint import Endpoint, served
from tests.tasks import replies

pytestmark = pytest.mark.slow
GUIDE = DOCS / "guide.md"
URL = "http://127.0.0.1:8000/v1"
"""The endpoint that the guide speaks of."""

PROJECT = Path(__file__).parent / "invoices"
QUEUES = ("billing", "delivery")


def steps(page):
    """Command lines of a page, each with what is shown of its output."""
    for block in blocks(page, "console"):
        for step in re.split(r"^\$ ", block.text, flags=re.MULTILINE)[1:]:
            command, _, shown = step.partition("\n")
            yield command, shown


def shell(command, folder, environment):
    """Run a command line as a user's shell does, in a terminal of 100 columns."""
    path = f"{Path(sys.executable).parent}{os.pathsep}{environment['PATH']}"
    environment = environment | {"COLUMNS": "100", "PATH": path}
    return subprocess.run(command, shell=True, cwd=folder, env=environment, capture_output=True, text=True)


def routed(body):
    """The teacher and the tuned student find the queue, the untuned student answers nonsense."""
    asked = str(body["messages"][-1]["content"])
    if "[[ ## queue ## ]]" not in asked or body["model"].startswith("my-small-model"):
        return None
    queue = next(queue for queue in QUEUES if f": {queue}" in asked)
    return f"[[ ## reasoning ## ]]\nIt says so.\n\n[[ ## queue ## ]]\n{queue}\n\n[[ ## completed ## ]]"


def test_the_guide_is_followed(tmp_path, environment):
    project = tmp_path / "invoices"
    shutil.copytree(PROJECT / "golden", project / "golden")
    (rows,) = blocks(GUIDE, "json")
    assert rows.text in (project / rows.title).read_text("utf-8")
    endpoint = Endpoint()
    endpoint.script = replies.reply(replies.invoices)
    with served(endpoint):
        for block in blocks(GUIDE, "python", "toml"):
            (project / block.title).write_text(block.text.replace(URL, endpoint.url), "utf-8")
        installing, *following = steps(GUIDE)
        assert installing == ("pip install distillgate", "")  # what the fixture did, from the wheel of this checkout
        for command, shown in following:
            done = shell(command, project, environment)
            printed = f"{done.stdout}{done.stderr}".replace(endpoint.url, URL)
            assert bool(done.returncode) == ("# fails" in command), f"{command}\n{printed}"
            assert not shown or matches(shown, printed), f"{command}\n{printed}"


def test_the_readmes_own_task_goes_from_a_plan_to_a_green_run(tmp_path, environment):
    """Its code, settings and commands are those of README; the endpoint and the rows are ours."""
    for split, first in (("train", 0), ("dev", 20), ("test", 30)):
        path = tmp_path / "golden" / "tickets" / f"{split}.jsonl"
        path.parent.mkdir(parents=True, exist_ok=True)
        rows = [
            {"id": f"t-{n}", "ticket": f"Ticket {n}: {QUEUES[n % 2]}", "queue": QUEUES[n % 2]}
            for n in range(first, first + 10)
        ]
        path.write_text("".join(json.dumps(row) + "\n" for row in rows), "utf-8")
    (code,), (settings,) = blocks(README, "python"), blocks(README, "toml")
    (tmp_path / "tickets.py").write_text(code.text, "utf-8")
    *_, commands = blocks(README, "sh")
    key = "OPENAI_API_KEY"
    with served(Endpoint()) as endpoint:
        endpoint.script = routed
        ours = settings.text.replace("http://127.0.0.1:8017/v1", endpoint.url)
        ours = ours.replace(f'"{key}"', f'"{key}", api_base = "{endpoint.url}"')
        ours = ours.replace("finetuning = {", "finetuning = { poll_seconds = 0.01,")
        (tmp_path / "pyproject.toml").write_text(ours, "utf-8")
        for command in commands.text.splitlines():
            done = shell(command, tmp_path, environment | {key: "sk-of-this-test-alone"})
            assert done.returncode == 0, f"{command}\n{done.stdout}{done.stderr}"


def test_its_program_is_the_one_of_the_foreign_project():
    """So that what the guide's reader gets is compared with what it must be, in test_foreign_projects.py."""
    program, test = blocks(GUIDE, "python")
    assert [program.text, test.text] == [(PROJECT / block.title).read_text("utf-8") for block in (program, test)]
