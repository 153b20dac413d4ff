"""Data flows one way: which part of `distillgate` may import which, read from the source without running it."""

import ast
import re
import sys
from dataclasses import dataclass
from pathlib import Path

import distillgate
import pytest
from distillgate.stages import STAGES

PACKAGE = Path(distillgate.__file__).parent

LAYERS = (
    ("secrets.shape",),
    (
        "errors",
        "calls",
        "secrets.rules",
        "results.numbers",
        "results.findings",
        "results.clusters",
        "results.power",
        "tuning.endpoint_errors",
    ),
    ("project", "results.score", "results.statistics", "secrets.scrub", "files", "git"),
    ("secrets.known", "parsing", "task", "tuning", "starter"),
    ("models",),
    ("recipes",),
    ("profiles",),
    ("config", "cassette", "golden", "results.scorecard", "results.agreement"),
    ("stages.spec", "collect"),
    ("results.comparison", "results.combined", "money.prices"),
    ("stages",),
    ("results.verdicts", "results.fine_tunes"),
    (
        "run.paths",
        "results.baseline",
        "results.gates",
        "results.leaderboard",
        "results.curves",
        "money.ledger",
        "tuning.openai_api",
    ),
    ("money.meter", "money.plan"),
    ("run.recordings",),
    ("run",),
    ("checks", "local"),
    ("report",),
    ("testing", "rescue"),
    ("commands",),
    ("cli",),
    ("__main__", "__init__"),
)
"""From low to high: a part imports itself and lower ones, never a neighbour; imports for types alone count as well."""


@dataclass(frozen=True)
class Import:
    importer: str
    """Dotted below `distillgate`: `report.table`, `__init__` for the package itself."""

    module: str
    place: str
    """`module`, `function` (when it is called) or `typing` (never run)."""

    def __str__(self):
        return f"{self.importer} imports {self.module} ({self.place})"

    def of(self, *packages):
        return any(self.module == package or self.module.startswith(f"{package}.") for package in packages)


def name_of(path):
    return ".".join(path.relative_to(PACKAGE).with_suffix("").parts)


SOURCES = {name_of(path): path.read_text("utf-8") for path in sorted(PACKAGE.rglob("*.py"))}
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
    """`results.numbers` → itself, `report.table` → `report`, `report.__init__` → `report`."""
    parts = {part for layer in LAYERS for part in layer}
    return name if name in parts else name.partition(".")[0]


def layer(name):
    return next((height for height, parts in enumerate(LAYERS) if part(name) in parts), None)


def own(found):
    """What an import of this project is called below `distillgate`."""
    return "__init__" if found.module == "distillgate" else found.module.removeprefix("distillgate.")


def test_every_module_has_a_layer():
    packages = {name for name in SOURCES if name.endswith(".__init__")}
    assert [name for name in SOURCES if layer(name) is None and name not in packages] == []


def test_a_part_imports_lower_parts_only():
    ours = [one for one in IMPORTS if one.of("distillgate") and part(own(one)) != part(one.importer)]
    assert ours
    wrong = [one for one in ours if one.importer != "__init__" and layer(own(one)) >= layer(one.importer)]
    assert [str(found) for found in wrong] == []


@pytest.mark.parametrize(
    ("modules", "importers"),
    [
        pytest.param(["pytest", "_pytest"], {"testing"}, id="pytest"),
        pytest.param(["vcr"], {"cassette"}, id="vcrpy"),
        pytest.param(
            ["distillgate.cassette"],
            {"cassette", "money.meter", "money.plan", "run.paths", "run.recordings", "run", "checks", "report"},
            id="cassettes",
        ),
        pytest.param(
            ["distillgate.run.lifecycle"], {"run", "checks", "report", "testing", "rescue", "commands"}, id="lifecycle"
        ),
        pytest.param(["distillgate.local"], {"local", "commands"}, id="the-local-endpoint"),
        pytest.param(["genai_prices"], {"money.prices"}, id="published-prices"),
        pytest.param(
            ["pydantic"],
            {"collect", "config", "parsing", "models", "recipes", "profiles", "golden", "stages", "task", "local"},
            id="pydantic",
        ),
        pytest.param(["duckdb", "datasketch", "presidio_analyzer", "spacy"], {"collect"}, id="what-reads-logs"),
        pytest.param(["rich"], {"report"}, id="rich"),
        pytest.param(["jinja2", "markupsafe", "matplotlib"], {"report"}, id="what-draws-the-page"),
        pytest.param(["torch", "transformers", "starlette", "uvicorn"], {"local"}, id="what-the-extra-brings"),
    ],
)
def test_a_library_or_part_is_imported_where_it_belongs(modules, importers):
    found = {part(one.importer) for one in IMPORTS if one.of(*modules) and one.importer != "__init__"}
    assert found
    assert found <= importers


@pytest.mark.parametrize(
    "modules",
    [
        pytest.param(["litellm"], id="the-engine-that-is-on-its-way-out"),
        pytest.param(["news"], id="the-example-task"),
        pytest.param(["distillgate.testing"], id="the-pytest-plugin"),
    ],
)
def test_nothing_imports_it(modules):
    assert [str(found) for found in IMPORTS if found.of(*modules) and not found.importer.startswith("testing.")] == []


def test_values_and_reports_never_run_stages():
    runs = [
        f"distillgate.stages.{name}"
        for name in ("scoring", "bootstrap", "bettertogether", "mipro", "runtime", "search")
    ]
    found = [one for one in IMPORTS if one.of(*runs) and part(one.importer) not in ("stages", "run", "checks")]
    assert [str(one) for one in found] == []


def test_the_local_endpoint_is_imported_when_it_is_asked_for():
    found = [found for found in IMPORTS if found.importer == "commands" and found.of("distillgate.local")]
    assert {one.place for one in found} == {"function"}


def test_only_what_runs_programs_imports_dspy_before_it_is_asked():
    at_once = {found.importer for found in IMPORTS if found.of("dspy") and found.place == "module"}
    assert at_once == {
        f"stages.{name}"
        for name in ("bettertogether", "bootstrap", "finetune", "mipro", "rows", "runtime", "scoring", "search")
    }


@pytest.mark.parametrize(
    ("begin", "allowed"),
    [
        pytest.param("__init__", set(), id="the-package"),
        pytest.param("testing.plugin", {"pytest", "_pytest"}, id="the-plugin"),
        pytest.param("stages.__init__", {"orjson"}, id="the-stages"),
        pytest.param("cli", {"dotenv", "orjson"}, id="the-command"),
    ],
)
def test_importing_it_brings_light_libraries_alone(begin, allowed):
    seen, waiting, libraries = set(), [begin], set()
    while waiting:
        name = waiting.pop()
        seen.add(name)
        for found in (found for found in IMPORTS if found.importer == name and found.place == "module"):
            if not found.of("distillgate"):
                libraries.add(found.module.partition(".")[0])
            elif own(found) not in seen:
                waiting.append(own(found) if own(found) in SOURCES else f"{own(found)}.__init__")
    assert {library for library in libraries if library not in sys.stdlib_module_names} <= allowed


def test_no_code_names_the_example_task():
    named = []
    for name, tree in TREES.items():
        texts = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
        for node in ast.walk(tree):
            words = [getattr(node, field, None) for field in ("id", "attr", "arg", "name")]
            if isinstance(node, ast.Constant) and id(node) not in texts:
                words.append(node.value)
            if any(isinstance(word, str) and re.search(r"(?<![a-z])news(?![a-z])", word, re.I) for word in words):
                named.append(f"{name}:{node.lineno}")
    assert named == []


def test_nothing_outside_stages_names_a_stage():
    """Titles, roles, fixtures, colours and one-off costs follow from the declarations, and so from no name."""
    names = {stage.name for stage in STAGES}
    roles = {"teacher", "student"}  # a profile's table and a gate name these as well
    named = []
    for name, tree in TREES.items():
        if part(name) in (
            "stages",
            "stages.spec",
            "recipes",
            "profiles",
        ):  # a profile's keys and values are words of its own
            continue
        for node in ast.walk(tree):
            texts = {
                one.value for one in ast.walk(node) if isinstance(one, ast.Constant) and isinstance(one.value, str)
            }
            asks = isinstance(node, ast.Compare | ast.Subscript | ast.Dict | ast.Match)
            if texts & (names - roles) and isinstance(node, ast.Constant):
                named.append(f"{name}:{node.lineno}")
            if asks and texts & roles:
                named.append(f"{name}:{node.lineno}")
    assert named == []


def test_no_module_is_a_drawer_for_everything():
    assert not {name.rpartition(".")[2] for name in SOURCES} & {"utils", "util", "helpers", "common", "misc", "tools"}


def test_two_modules_never_share_a_name():
    names = sorted(name.rpartition(".")[2] for name in SOURCES if not name.endswith("__init__"))
    assert sorted({name for name in names if names.count(name) > 1}) == []


def test_a_file_is_one_idea():
    assert [name for name, text in SOURCES.items() if len(text.splitlines()) > 400] == []
