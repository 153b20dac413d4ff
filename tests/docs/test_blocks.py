"""Every block of README and docs is checked: what can be run is run here or by the test that is named for it."""

import functools
import importlib
import json
import re
import shlex
import subprocess
import sys
import tomllib

import pytest
import yaml
from distillgate.collect.selection import Selection
from distillgate.config import load_config
from distillgate.parsing import parse
from distillgate.results import gates
from distillgate.stages import STAGES
from distillgate.stages.optimize import NONE, OPTIMIZERS, SAVED
from distillgate.task import load_task

from tests.documentation import DOCS, PAGES, README, ROOT, blocks, every, inline, tokens
from tests.faults.regressions.injected import HARMLESS, REGRESSIONS
from tests.faults.regressions.test_regressions import ORDERS

QUOTED = {
    "README.md": ["tests/docs/test_red.py"],
    "gates.md": ["tests/docs/test_red.py"],
    "results.md": ["tests/gates/test_readme.py"],
    "index.md": [],  # a drawing
}
"""Page → the tests that compare its blocks of text with what is printed."""

BASE = """
[tool.distillgate]
task = "news.task:task"
profile = "{profile}"

[tool.distillgate.profiles.mine]
teacher = {{ model = "openai/gpt-4.1" }}
"""


def test_every_block_is_of_a_kind_that_is_checked():
    kinds = {
        (page.name, token.info.partition(" ")[0]) for page in PAGES for token in tokens(page) if token.type == "fence"
    }
    assert {kind for _, kind in kinds} <= {"python", "toml", "yaml", "json", "sh", "console", "text"}
    assert {page for page, kind in kinds if kind == "text"} == set(QUOTED)
    assert all((ROOT / test).exists() for tests in QUOTED.values() for test in tests)
    assert {page for page, kind in kinds if kind == "console"} == {"guide.md", "rescue.md"}  # tests/tasks


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_no_block_is_without_a_kind(page):
    assert [token.content for token in tokens(page) if token.type == "code_block"] == []


@pytest.mark.parametrize("block", every("python"), ids=str)
def test_its_python_compiles(block):
    compile(block.text, str(block.page), "exec")


@pytest.mark.parametrize("block", every("toml"), ids=str)
def test_its_settings_are_valid(tmp_path, monkeypatch, block):
    monkeypatch.delenv("DISTILLGATE_PROFILE", raising=False)
    table = tomllib.loads(block.text)["tool"]["distillgate"]
    profiles = list(table.get("profiles", ["mine"]))
    whole = re.search(r"^\[tool\.distillgate\]", block.text, re.MULTILINE)
    text = block.text if whole else BASE.format(profile=profiles[0]) + block.text
    if whole and "profiles" not in table:  # a command adds it
        profiles = [table["profile"]]
        text += f'[tool.distillgate.profiles.{profiles[0]}]\nteacher = {{ model = "openai/gpt-4.1" }}\n'
    (tmp_path / "pyproject.toml").write_text(text, "utf-8")
    for profile in profiles:
        config = load_config(tmp_path, profile)
        assert config.profile.models["teacher"].model
        gates.check(config, lambda: ("total_right",))
    parse(Selection, table.get("collect", {}), "tool.distillgate.collect")


@pytest.mark.parametrize("block", every("yaml"), ids=str)
def test_its_workflows_use_the_action_as_it_is(block):
    action = yaml.safe_load((ROOT / ".github" / "actions" / "gate" / "action.yml").read_text("utf-8"))
    parsed = yaml.safe_load(block.text)
    steps = parsed if isinstance(parsed, list) else parsed.get("steps") or parsed["jobs"]["gate"]["steps"]
    (ours,) = [step for step in steps if "actions/gate@" in step["uses"]]
    assert (ROOT / ours["uses"].partition("@")[0].removeprefix("distillgate/distillgate/")).is_dir()
    assert set(ours["with"]) <= set(action["inputs"])


@pytest.mark.parametrize("block", every("json"), ids=str)
def test_its_rows_are_json(block):
    assert [json.loads(line) for line in block.text.splitlines()]


OTHERS = ("accelerate", "python", "vllm")
"""Programs of others, whose command lines are parsed and no more."""


def commands():
    """Command lines of README and docs, by page; of the guide's, what it prints is left out."""
    for page in PAGES:
        lines = [line for block in blocks(page, "sh") for line in block.text.splitlines()]
        lines += [line[2:] for block in blocks(page, "console") for line in block.text.splitlines() if line[:2] == "$ "]
        lines += [code for code in inline(page) if re.match(r"(distillgate|pytest|pip|mkdocs) ", code)]
        for line in dict.fromkeys(lines):
            yield pytest.param(line, id=f"{page.stem}: {line}")


@functools.cache
def known(*command):
    """What `--help` says of a command."""
    done = subprocess.run([sys.executable, "-m", *command, "--help"], capture_output=True, text=True, check=True)
    return done.stdout


@pytest.mark.parametrize("line", [*commands()])
def test_its_commands_have_these_options(line):
    words = [word for word in shlex.split(line, comments=True) if not re.fullmatch(r"[A-Z_]+=.*", word)]
    program, options = words[0], [word.partition("=")[0] for word in words if word.startswith("--")]
    if program in ("distillgate", "pytest"):
        command = next((word for word in words[1:] if re.fullmatch(r"[a-z]+", word)), "")
        said = known(program, *([command] if command and program == "distillgate" else []))
        assert [option for option in options if not re.search(rf"{option}\b", said)] == []
    elif program == "pip":
        extras = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]["optional-dependencies"]
        asked = re.findall(r"\[(.*?)\]", line)
        assert {one for names in asked for one in names.split(",")} <= set(extras)
    else:
        assert program in ("mkdocs", "sed", *OTHERS)
        assert all((ROOT / word).exists() for word in words if word.endswith(".yml"))


def test_the_reference_of_commands_is_whole():
    page = (DOCS / "commands.md").read_text("utf-8")
    names = re.findall(r"^    (\w+) ", known("distillgate"), re.MULTILINE)
    assert len(names) >= 8
    rows = {name: next(line for line in page.splitlines() if f"`distillgate {name}" in line) for name in names}
    for name, row in rows.items():
        options = set(re.findall(r"--[a-z-]+", known("distillgate", name))) - {"--help", "--profile", "--task"}
        assert options == set(re.findall(r"--[a-z-]+", row))
    ours = set(re.findall(r"--distill-[a-z-]+", known("pytest")))
    assert ours == set(re.findall(r"--distill-[a-z-]+", page))


@pytest.mark.parametrize(
    ("page", "names"),
    [
        pytest.param("gates", gates.GATES, id="gates"),
        pytest.param("task", (f'"{name}"' for name in (*OPTIMIZERS, NONE, SAVED)), id="optimizers"),
        pytest.param("index", (stage.name for stage in STAGES), id="stages"),
        pytest.param("index", (stage.marker for stage in STAGES), id="markers"),
    ],
)
def test_a_page_names_every_one_that_there_is(page, names):
    assert set(names) <= set(inline(DOCS / f"{page}.md"))


def test_the_fixtures_of_the_reference_exist():
    command = [sys.executable, "-m", "pytest", "--fixtures", "tests/gates"]
    said = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    table = (DOCS / "commands.md").read_text("utf-8").partition("## Fixtures")[2]
    names = re.findall(r"`(\w+)`", " ".join(re.findall(r"^\| (.*?) \|", table, re.MULTILINE)))
    assert len(names) > 10
    assert [name for name in names if not re.search(rf"^{name}\b", said, re.MULTILINE)] == []


def test_the_reference_of_settings_is_whole():
    page = (DOCS / "settings.md").read_text("utf-8")
    for name, members in re.findall(r"^::: (\S+)\n    options:\n      members: \[(.*)\]$", page, re.MULTILINE):
        module, _, kind = name.rpartition(".")
        own = vars(importlib.import_module(module))[kind].__annotations__
        inside = {"root", "profiles", "tasks", "chosen", "name"}  # made of the file, no key of it
        assert members.split(", ") == [field for field in own if field not in inside]


NAMES = sorted(
    {(page.stem, code) for page in PAGES for code in inline(page) if re.fullmatch(r"distillgate(\.\w+)+(\(\))?", code)}
)


@pytest.mark.parametrize(("page", "name"), NAMES)
def test_what_it_names_of_the_package_exists(page, name):
    module, _, attribute = name.removesuffix("()").rpartition(".")
    assert hasattr(importlib.import_module(module), attribute)


PATHS = sorted(
    {
        (page.stem, code)
        for page in PAGES
        for code in inline(page)
        if re.fullmatch(r"(tests|pipeline|\.github)/[\w./]+", code)
    }
)


@pytest.mark.parametrize(("page", "path"), PATHS)
def test_the_files_it_names_exist(page, path):
    assert (ROOT / path).exists()


@pytest.mark.parametrize("page", [README, DOCS / "results.md"], ids=lambda page: page.stem)
def test_it_tells_as_many_regressions_as_are_injected(page):
    told = re.search(
        r"(\d+) injected regressions are .*? (\d+) harmless changes .*? (\d+) seeded orders",
        " ".join(page.read_text("utf-8").split()),
    )
    assert told
    assert [int(number) for number in told.groups()] == [len(REGRESSIONS), len(HARMLESS), ORDERS]


def test_the_readmes_task_is_a_task(tmp_path, monkeypatch):
    (block,) = blocks(README, "python")
    (tmp_path / "tickets.py").write_text(block.text, "utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "tickets", raising=False)
    assert load_task("tickets:task").program().named_predictors()[0][0] == "predict"
    assert len(block.text.splitlines()) <= 16
