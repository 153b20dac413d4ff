"""`[tool.distillgate]`: where the project and the profile are found, where keys come from, what the table yields."""

import contextlib
import dataclasses
import datetime
import pathlib
import re
import subprocess
import sys

import distillgate
import pytest
from distillgate.config import Gate, load_config, secret
from distillgate.errors import ConfigError
from distillgate.models import Price
from distillgate.project import find_root

PACKAGE = pathlib.Path(distillgate.__file__).parent

TWO_PROFILES = """
[tool.distillgate]
task = "mine:task"
profile = "in-table"

[tool.distillgate.gates]
retention = { min = 0.9 }
latency_ratio = { max = 1 }

[tool.distillgate.profiles.in-table]
teacher = { model = "openai/big" }
student = { model = "openai/little" }

[tool.distillgate.profiles.in-environment]
api_base = "http://127.0.0.1:1/v1"
api_key_env = "SHARED_KEY"
num_threads = 2
teacher = { model = "openai/big", api_key_env = "OWN_KEY", temperature = 1, retires = 2027-01-14 }
student = { model = "openai/little", price = { input = 0.15, output = 0.6, cached_input = 0.075 } }
finetuning = { suffix = "mine", poll_seconds = 5, hyperparameters = { n_epochs = 3 } }

[tool.distillgate.profiles.argument]
teacher = { model = "openai/big" }
student = { model = "openai/little" }
"""


@pytest.fixture(autouse=True)
def _no_profile_from_outside(monkeypatch):
    monkeypatch.delenv("DISTILLGATE_PROFILE", raising=False)


@pytest.fixture
def root(tmp_path):
    (tmp_path / "pyproject.toml").write_text(TWO_PROFILES, "utf-8")
    return tmp_path


@pytest.mark.parametrize(
    ("argument", "variable", "chosen"),
    [
        pytest.param("argument", "in-environment", "argument", id="argument-before-variable"),
        pytest.param(None, "in-environment", "in-environment", id="variable-before-table"),
        pytest.param(None, None, "in-table", id="table"),
        pytest.param(None, "", "in-table", id="empty-variable-counts-as-unset"),
    ],
)
def test_the_profile_is_the_argument_then_the_variable_then_the_tables(root, monkeypatch, argument, variable, chosen):
    if variable is not None:
        monkeypatch.setenv("DISTILLGATE_PROFILE", variable)
    assert load_config(root, argument).profile.name == chosen


def test_a_table_without_a_profile_key_means_the_profile_called_local(root):
    path = root / "pyproject.toml"
    path.write_text(TWO_PROFILES.replace('profile = "in-table"', "").replace("in-table", "local"), "utf-8")
    assert load_config(root).profile.name == "local"


def test_an_undefined_profile_is_an_error_listing_the_defined_ones(root):
    with pytest.raises(ConfigError, match=r"no profile 'other'; .*: in-table, in-environment, argument$"):
        load_config(root, "other")


def write(root, lines):
    """The two profiles with more lines in `[tool.distillgate]`."""
    (root / "pyproject.toml").write_text(TWO_PROFILES.replace("[tool.distillgate]\n", f"[tool.distillgate]\n{lines}\n"))


def test_folders_are_taken_from_the_root_of_the_project(root):
    settings = load_config(root)
    assert (settings.golden, settings.cassettes, settings.pythonpath) == (root / "golden", root / "cassettes", ())
    write(root, f'golden = "data/golden"\ncassettes = "{root}/tapes"\npythonpath = [".", "src"]')
    settings = load_config(root)
    assert (settings.golden, settings.cassettes) == (root / "data" / "golden", root / "tapes")
    assert settings.pythonpath == (root, root / "src")


def test_changing_a_value_keeps_all_others(root):
    write(root, 'golden = "data"\nreplay_programs = ["git"]\ntape_budget_mb = 7')
    settings = load_config(root)
    changed = dataclasses.replace(settings, max_cost=2.0)
    assert changed.max_cost == 2.0
    assert dataclasses.replace(changed, max_cost=None) == settings


def test_a_relative_root_stays_the_folder_that_it_is(root, monkeypatch):
    monkeypatch.chdir(root.parent)
    settings = load_config(pathlib.Path(root.name))
    assert dataclasses.replace(settings, max_cost=2.0).golden == pathlib.Path(root.name) / "golden"


def test_a_project_names_its_own_stages_and_what_its_task_needs_in_replay(root):
    assert (load_config(root).stages, load_config(root).programs, load_config(root).libraries) == ((), (), ())
    write(root, 'stages = ["mine.stages:judge"]\nreplay_programs = ["git", "jq"]\nreplay_libraries = ["grpc"]')
    settings = load_config(root)
    assert (settings.stages, settings.programs) == (("mine.stages:judge",), ("git", "jq"))
    assert settings.libraries == ("grpc",)


def test_all_profiles_are_named_in_the_order_of_the_file(root):
    assert load_config(root).profiles == ("in-table", "in-environment", "argument")


def test_gates_carry_their_bounds(root):
    assert load_config(root).gates == {
        "retention": Gate("retention", minimum=0.9),
        "latency_ratio": Gate("latency_ratio", maximum=1.0),
    }


def test_both_models_share_the_endpoint_of_their_profile(root):
    profile = load_config(root, "in-environment").profile
    assert {model.api_base for model in profile.models.values()} == {"http://127.0.0.1:1/v1"}


def test_a_models_own_key_goes_before_that_of_its_profile(root):
    profile = load_config(root, "in-environment").profile
    assert [model.api_key_env for model in profile.models.values()] == ["OWN_KEY", "SHARED_KEY"]
    assert profile.key_names == ["OWN_KEY", "SHARED_KEY"]


def test_a_profile_carries_prices_retirement_and_tuning(root):
    profile = load_config(root, "in-environment").profile
    teacher, student = profile.model("teacher"), profile.model("student")
    assert student.price == Price(input=0.15, output=0.6, cached_input=0.075)
    assert teacher.retires == datetime.date(2027, 1, 14)
    assert (profile.num_threads, teacher.temperature) == (2, 1.0)
    assert (profile.finetuning.suffix, profile.finetuning.poll_seconds) == ("mine", 5.0)
    assert profile.finetuning.hyperparameters == {"n_epochs": 3}


@pytest.mark.parametrize(("line", "budget"), [("", 5.0), ("tape_budget_mb = 12", 12.0)], ids=["default", "table"])
def test_tapes_have_a_budget(root, line, budget):
    write(root, line)
    assert load_config(root).tape_budget_mb == budget


def test_a_margin_is_a_loss_that_the_whole_interval_must_exclude(root):
    path = root / "pyproject.toml"
    path.write_text(TWO_PROFILES.replace("retention = { min = 0.9 }", "non_inferiority = { margin = 0.05 }"), "utf-8")
    assert load_config(root).gates["non_inferiority"] == Gate("non_inferiority", minimum=-0.05, sure=True)


@pytest.mark.parametrize(
    ("gates", "message"),
    [
        pytest.param(
            "retentoin = { min = 0.9 }",
            "tool.distillgate.gates.retentoin is unknown; valid: latency_ratio, non_inferiority, retention",
            id="gate-that-nothing-measures",
        ),
        pytest.param(
            "latency_ratio = { max = 1, sure = true }",
            "tool.distillgate.gates.latency_ratio.sure: latency_ratio has no interval; leave it out",
            id="no-interval",
        ),
        pytest.param(
            "retention = { margin = 0.05 }",
            "tool.distillgate.gates.retention.margin bounds nothing; give min, max or both. It is for non_inferiority",
            id="margin-of-what-is-no-difference",
        ),
        pytest.param("retention = { min = 0.9, sure = true }\nnon_inferiority = { margin = 0.05 }", None, id="sound"),
    ],
)
def test_gates_are_checked_against_what_can_be_measured(root, gates, message):
    path = root / "pyproject.toml"
    bounded = "retention = { min = 0.9 }\nlatency_ratio = { max = 1 }"
    assert bounded in TWO_PROFILES
    path.write_text(TWO_PROFILES.replace(bounded, gates), "utf-8")
    with pytest.raises(ConfigError, match=f"^{re.escape(message)}$") if message else contextlib.nullcontext():
        load_config(root).check_gates(
            ["retention", "non_inferiority", "latency_ratio"], ["latency_ratio"], ["non_inferiority"]
        )


@pytest.mark.parametrize("profile", ["local", "openai"])
def test_the_settings_of_this_project_load(pytestconfig, profile):
    root = find_root(pytestconfig.rootpath)
    assert load_config(root, profile).profile.name == profile


def test_the_root_is_the_nearest_folder_upwards_with_the_table(root):
    inner = root / "packages" / "one"
    inner.mkdir(parents=True)
    (inner / "pyproject.toml").write_text("[tool.other]\n")
    assert find_root(inner) == root


def test_looking_for_a_project_needs_the_standard_library_only():
    code = "import sys; before = {*sys.modules}; import distillgate.project; print(*{*sys.modules} - before)"
    spec = f"import sys; sys.path.insert(0, {str(PACKAGE.parent)!r})\nimport types\n"
    bare = f"package = types.ModuleType('distillgate'); package.__path__ = [{str(PACKAGE)!r}]\n"
    asked = subprocess.run(
        [sys.executable, "-c", f"{spec}{bare}sys.modules['distillgate'] = package\n{code}"],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    loaded = {name.partition(".")[0] for name in asked.stdout.split()}
    assert loaded - sys.stdlib_module_names == {"distillgate"}


def test_without_a_table_anywhere_the_error_says_what_to_add(tmp_path):
    top = type(tmp_path)(tmp_path.anchor)
    with pytest.raises(ConfigError, match=r"no pyproject\.toml with a \[tool\.distillgate\] table"):
        find_root(top)


@pytest.mark.parametrize("read", [find_root, load_config])
def test_broken_toml_is_an_error_naming_file_and_line(tmp_path, read):
    (tmp_path / "pyproject.toml").write_text("[tool.distillgate]\ntask = \n")
    with pytest.raises(ConfigError, match=r"pyproject\.toml: .*line 2"):
        read(tmp_path)


def test_a_folder_without_pyproject_is_an_error_naming_the_file(tmp_path):
    with pytest.raises(ConfigError, match=r"pyproject\.toml: .*No such file"):
        load_config(tmp_path)


@pytest.mark.parametrize(
    ("variable", "line", "found"),
    [
        pytest.param("from-environment", "A_KEY=from-file", "from-environment", id="environment-first"),
        pytest.param(None, "A_KEY=from-file", "from-file", id="then-file"),
        pytest.param("", "A_KEY=from-file", "from-file", id="empty-variable-counts-as-unset"),
        pytest.param(None, "A_KEY=", None, id="empty-line-counts-as-unset"),
        pytest.param(None, "ANOTHER_KEY=x", None, id="nowhere"),
        pytest.param(None, None, None, id="no-file"),
    ],
)
def test_a_secret_comes_from_the_environment_and_failing_that_from_the_env_file(
    tmp_path, monkeypatch, variable, line, found
):
    monkeypatch.delenv("A_KEY", raising=False)
    if variable is not None:
        monkeypatch.setenv("A_KEY", variable)
    if line is not None:
        (tmp_path / ".env").write_text(f"{line}\n")
    assert secret("A_KEY", tmp_path) == found


def test_the_env_file_is_that_of_the_root_and_no_other(tmp_path, monkeypatch):
    monkeypatch.delenv("A_KEY", raising=False)
    (tmp_path / ".env").write_text("A_KEY=of-the-folder-above\n")
    (tmp_path / "project").mkdir()
    monkeypatch.chdir(tmp_path)
    assert secret("A_KEY", tmp_path / "project") is None
