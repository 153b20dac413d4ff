"""The page about rescuing a fine-tune: its files are written and its commands run against a provider that ends it."""

import json
import re
import tomllib
from typing import Literal

import dspy
import pytest

pytest.importorskip("uvicorn", reason="the loopback endpoint comes with the extra 'test'")
pytest.importorskip("duckdb", reason="comes with the extra 'logs'")
from tests.documentation import DOCS, blocks, matches
from tests.endpoint import Endpoint, served
from tests.tasks.test_guide import shell, steps

pytestmark = pytest.mark.slow
PAGE = DOCS / "rescue.md"
FINE_TUNE = "ft:gpt-4o-mini-2024-07-18:acme::AbC123"
QUEUES = ("billing", "delivery", "returns")
WORDS = ("invoice", "parcel", "refund", "address", "account", "courier", "receipt", "delay", "colour", "size", "street")


def ticket(number):
    words = " ".join(
        WORDS[(number * step + step * step) % len(WORDS)] + str(number * step % 97) for step in range(1, 25)
    )
    return f"Ticket {number} about {QUEUES[number % 3]}: {words}"


ROUTE = dspy.Signature(
    {"ticket": (str, dspy.InputField()), "queue": (Literal["billing", "delivery", "returns"], dspy.OutputField())},
    "Choose the queue that has to answer a customer's ticket.",
)


def said(queue):
    return f"[[ ## queue ## ]]\n{queue}\n\n[[ ## completed ## ]]"


def reply(body):
    """The fine-tune and the student that was tuned on it find the queue; the untuned student answers nonsense."""
    asked = str(body["messages"][-1]["content"])
    found = re.search(r"Ticket \d+ about (\w+)", asked)
    return said(found[1]) if found and body["model"].startswith("ft:") else "I cannot tell."


def logged(number):
    """A stored completion of production."""
    prompt = dspy.ChatAdapter().format(ROUTE, [], {"ticket": ticket(number)})
    answer = {"role": "assistant", "content": said(QUEUES[number % 3])}
    return {
        "id": f"chatcmpl-{number}",
        "object": "chat.completion",
        "created": 1_790_000_000 + 60 * number,
        "model": FINE_TUNE,
        "messages": prompt,
        "choices": [{"index": 0, "finish_reason": "stop", "message": answer}],
    }


@pytest.fixture
def provider():
    """It has the fine-tune, and takes no new jobs for models of its own."""
    endpoint = Endpoint()
    endpoint.script = reply
    endpoint.refuses_jobs = lambda model: model.startswith("gpt-")
    with served(endpoint):
        yield endpoint


@pytest.fixture
def project(tmp_path):
    for block in blocks(PAGE, "python", "toml"):
        (tmp_path / block.title).write_text(block.text, "utf-8")
    (tmp_path / "calls.jsonl").write_text("".join(json.dumps(logged(n)) + "\n" for n in range(80)), "utf-8")
    return tmp_path


def test_the_page_is_followed(project, provider, environment):
    ours = f" --api-base {provider.url} --student-api-base {provider.url}"
    keys = environment | {"OPENAI_API_KEY": "sk-of-this-test-alone"}
    for command, shown in steps(PAGE):
        done = shell(command + (ours if "rescue ft:" in command else ""), project, keys)
        printed = f"{done.stdout}{done.stderr}"
        assert done.returncode == 0, f"{command}\n{printed}"
        assert not shown or matches(shown, printed), f"{command}\n{printed}"
    asked = [body["model"] for body in provider.bodies if body and "messages" in body]
    assert asked.count(FINE_TUNE) == 36  # test and training rows, each once, and nothing else
    tapes = "".join(path.read_text("utf-8") for path in (project / "cassettes").rglob("*.jsonl"))
    assert "sk-of-this-test-alone" not in tapes


def test_a_provider_that_takes_no_jobs_says_so_and_keeps_the_teachers_answers(project, provider, environment):
    keys = environment | {"OPENAI_API_KEY": "sk-of-this-test-alone"}
    student = f"--student openai/gpt-4.1-mini-2025-04-14 --student-api-base {provider.url}"
    keep = f"distillgate rescue {FINE_TUNE} --api-base {provider.url} {student}"
    collect = "distillgate collect calls.jsonl --rows 24 6 12"
    for command in (keep, collect, "distillgate record --only label traces --profile rescue"):
        assert shell(command, project, keys).returncode == 0
    done = shell("distillgate record student distill distilled --profile rescue", project, keys)
    assert done.returncode == 3
    assert "takes no fine-tuning jobs for this model" in " ".join(done.stderr.split())
    assert "that another endpoint tunes" in " ".join(done.stderr.split())
    again = shell(keep, project, keys).stdout
    assert "2. done  distillgate record --only label traces" in again
    assert "3. next" in again


def test_the_profile_is_added_and_all_else_stays(project, provider, environment):
    path = project / "pyproject.toml"
    before = "# ours\n" + path.read_text("utf-8") + "\n[project]\nname = 'x' # kept\n"
    path.write_text(before, "utf-8")
    command = f"distillgate rescue {FINE_TUNE} --api-base {provider.url}"
    assert shell(command, project, environment).returncode == 0
    now = path.read_text("utf-8")
    assert now.startswith(before.rstrip())
    profile = tomllib.loads(now)["tool"]["distillgate"]["profiles"]["rescue"]
    assert profile["teacher"]["model"] == f"openai/{FINE_TUNE}"
    assert str(profile["teacher"]["retires"]) == "2027-01-14"
    assert shell(command, project, environment).returncode == 0
    assert path.read_text("utf-8") == now
    other = shell(f"{command.replace('AbC123', 'Other9')}", project, environment)
    assert other.returncode == 3
    assert "already" in other.stderr
