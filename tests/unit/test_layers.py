"""Data flows one way: which part of `distillgate` may import which, read from the source without running it."""

import ast
import re
import sys
from dataclasses import dataclass
from pathlib import Path

import distillgate
import pytest

PACKAGE = Path(distillgate.__file__).parent

LAYERS = (
    (
        "errors",
        "files",
        "calls",
        "scorecard",
        "statistics",
        "findings",
        "report.numbers",
        "replay.secret_rules",
        "endpoint_errors",
        "figures",
    ),
    ("tables", "task", "comparison", "replay.scrub"),
    ("replay.environment",),
    ("artefacts", "baseline", "profiles", "golden", "tasks", "stages", "replay", "local", "report"),
    ("settings", "prices"),
    ("cost",),
    ("models", "verdict", "estimate", "refusal", "announcements"),
    ("meter",),
    ("gates",),
    ("tape_paths",),
    ("recordings",),
    ("lifecycle", "transfer", "plan"),
    ("checks", "bench", "publishing"),
    ("review",),
    ("testing", "__main__", "__init__"),
)
"""From low to high: a part runs itself and lower ones, never a neighbour. So stages know nothing of cassettes
(`replay`), and reports nothing of models and stages."""

BELOW_RECORDINGS = {part for layer in LAYERS[:9] for part in layer}

LONG = {
    "replay/secret_rules.py": "one table, and what its rows are written with",
    "lifecycle.py": "one class that puts every stage on its tape; its parts would have to share all its state",
}
"""Files of more than 200 lines, each with its reason."""


@dataclass(frozen=True)
class Import:
    importer: str
    """Dotted below `distillgate`: `report.table`, `__init__` for the package itself."""

    module: str
    place: str
    """`module`, `function` (when it is called) or `typing` (never run)."""

    def __str__(self):
        return f"{self.importer} imports {self.module} ({self.place})"

    def runs(self):
        return self.place != "typing"

    def of(self, *packages):
        return any(self.module == package or self.module.startswith(f"{package}.") for package in packages)


def name_of(path):
    return ".".join(path.relative_to(PACKAGE).with_suffix("").parts)


SOURCES = {name_of(path): path.read_text("utf-8") for path in sorted(PACKAGE.rglob("*.py"))}
RECORDER = [
    f"distillgate.{name}" for name in SOURCES if re.fullmatch(r"replay\.(?!secret_rules$|scrub$|environment$).*", name)
]
"""All of `replay` but the door for texts, which every part that writes goes through."""

TREES = {name: ast.parse(text) for name, text in SOURCES.items()}


def imports_of(importer, node, place="module"):
    if isinstance(node, ast.Import):
        yield from (Import(importer, alias.name, place) for alias in node.names)
    if isinstance(node, ast.ImportFrom):
        assert node.level == 0, f"{importer} imports relatively"
        for alias in node.names:
            whole = f"{node.module}.{alias.name}"
            is_module = whole.removeprefix("distillgate.") in SOURCES
            yield Import(importer, whole if is_module else node.module, place)
    typing = isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"
    inner = "function" if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda) else place
    for field, children in ast.iter_fields(node):
        for child in children if isinstance(children, list) else [children]:
            if isinstance(child, ast.AST):
                yield from imports_of(importer, child, "typing" if typing and field == "body" else inner)


IMPORTS = [found for name, tree in TREES.items() for found in imports_of(name, tree)]


def part(name):
    """`report.numbers` → `report.numbers`, `report.table` → `report`, `report.__init__` → `report`."""
    parts = {part for layer in LAYERS for part in layer}
    return name if name in parts else name.partition(".")[0]


def layer(name):
    return next((height for height, parts in enumerate(LAYERS) if part(name) in parts), None)


def own(found):
    """What an import of this project is called below `distillgate`."""
    return "__init__" if found.module == "distillgate" else found.module.removeprefix("distillgate.")


def test_every_module_has_a_layer():
    assert [name for name in SOURCES if layer(name) is None] == []


def test_a_part_runs_lower_parts_only():
    ours = [one for one in IMPORTS if one.of("distillgate") and one.runs() and part(own(one)) != part(one.importer)]
    assert ours
    assert [str(found) for found in ours if layer(own(found)) >= layer(found.importer)] == []


@pytest.mark.parametrize(
    ("modules", "importers"),
    [
        pytest.param(["pytest", "_pytest"], {"testing"}, id="pytest"),
        pytest.param(["vcr"], {"replay", "bench"}, id="vcrpy"),
        pytest.param(
            RECORDER,
            {
                "replay",
                "estimate",
                "refusal",
                "meter",
                "tape_paths",
                "recordings",
                "plan",
                "lifecycle",
                "transfer",
                "checks",
                "review",
            }
            | {"bench", "publishing", "testing"},
            id="cassettes",
        ),
        pytest.param(
            ["distillgate.run.lifecycle"],
            {"checks", "review", "bench", "publishing", "testing", "__main__"},
            id="lifecycle",
        ),
        pytest.param(["distillgate.local"], {"local", "__main__"}, id="the-local-endpoint"),
        pytest.param(["genai_prices"], {"prices"}, id="published-prices"),
        pytest.param(["rich"], {"report"}, id="rich"),
        pytest.param(["jinja2", "markupsafe", "matplotlib"], {"report"}, id="what-draws-the-page"),
        pytest.param(["torch", "transformers", "starlette", "uvicorn"], {"local"}, id="what-the-extra-brings"),
    ],
)
def test_a_library_or_part_is_imported_where_it_belongs(modules, importers):
    found = {part(one.importer) for one in IMPORTS if one.of(*modules)}
    assert found
    assert found <= importers


@pytest.mark.parametrize(
    "modules",
    [
        pytest.param(["litellm"], id="the-engine-that-is-on-its-way-out"),
        pytest.param(["distillgate.tasks"], id="the-example-task"),
        pytest.param(["distillgate.testing"], id="the-pytest-plugin"),
    ],
)
def test_nothing_imports_it(modules):
    assert [str(found) for found in IMPORTS if found.of(*modules) and not found.importer.startswith("testing.")] == []


def test_values_and_reports_never_run_stages():
    below = [one for one in IMPORTS if part(one.importer) in BELOW_RECORDINGS - {"stages"}]
    assert below
    assert [str(found) for found in below if found.runs() and found.of("distillgate.stages")] == []


def test_the_local_endpoint_is_imported_when_it_is_asked_for():
    found = [found for found in IMPORTS if found.importer == "__main__" and found.of("distillgate.local")]
    assert {one.place for one in found} == {"function"}


def test_only_what_runs_programs_imports_dspy_before_it_is_asked():
    at_once = {part(found.importer) for found in IMPORTS if found.of("dspy") and found.place == "module"}
    assert at_once == {"stages", "tasks", "bench"}


def test_importing_the_package_brings_one_light_library():
    seen, waiting, libraries = set(), ["__init__"], set()
    while waiting:
        name = waiting.pop()
        seen.add(name)
        for found in (found for found in IMPORTS if found.importer == name and found.place == "module"):
            if not found.of("distillgate"):
                libraries.add(found.module.partition(".")[0])
            elif own(found) not in seen:
                waiting.append(own(found))
    assert {library for library in libraries if library not in sys.stdlib_module_names} == {"dotenv"}


def test_no_code_outside_tasks_names_the_example_task():
    named = []
    for name, tree in TREES.items():
        texts = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
        for node in ast.walk(tree):
            words = [getattr(node, field, None) for field in ("id", "attr", "arg", "name")]
            if isinstance(node, ast.Constant) and id(node) not in texts:
                words.append(node.value)
            if any(isinstance(word, str) and re.search(r"(?<![a-z])news(?![a-z])", word, re.I) for word in words):
                named.append(f"{name}:{node.lineno}")
    assert [where for where in named if not where.startswith("tasks.")] == []


def test_no_module_is_a_drawer_for_everything():
    assert not {name.rpartition(".")[2] for name in SOURCES} & {"utils", "util", "helpers", "common", "misc", "tools"}


def test_a_file_of_more_than_two_hundred_lines_has_its_reason():
    long = {name for name, text in SOURCES.items() if len(text.splitlines()) > 200}
    assert {f"{name.replace('.', '/')}.py" for name in long} == set(LONG)
