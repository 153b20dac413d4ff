"""Every mistake in `[tool.distillgate]` is an error that names the dotted key and what is valid there."""

import re

import pytest
from distillgate.config import load_config
from distillgate.errors import ConfigError

SOUND = """
[tool.distillgate]
task = "mine:task"
profile = "small"

[tool.distillgate.gates]
retention = { min = 0.9 }

[tool.distillgate.profiles.small]
num_threads = 4
teacher = { model = "openai/big", max_tokens = 300 }
student = { model = "openai/little", price = { input = 0.15, output = 0.6 } }
finetuning = { poll_seconds = 5 }
"""

PROFILE = "tool.distillgate.profiles.small"

UNKNOWN = [
    pytest.param("task =", "tsk = 1\ntask =", "tool.distillgate.tsk", "task", id="top"),
    pytest.param("num_threads", "num_thread", f"{PROFILE}.num_thread", "num_threads", id="profile"),
    pytest.param("max_tokens", "max_token", f"{PROFILE}.teacher.max_token", "max_tokens", id="model"),
    pytest.param("input = 0.15", "input = 1, inptu = 1", f"{PROFILE}.student.price.inptu", "input", id="price"),
    pytest.param(
        'openai/little"',
        'openai/little", predictors = { a = { modle = 1 } }',
        f"{PROFILE}.student.predictors.a.modle",
        "model",
        id="predictor",
    ),
    pytest.param("num_threads", "name = 'x'\nnum_threads", f"{PROFILE}.name", "teacher", id="name-of-a-profile"),
    pytest.param("task =", "root = '/'\ntask =", "tool.distillgate.root", "replay_programs", id="root"),
    pytest.param("task =", "programs = ['git']\ntask =", "tool.distillgate.programs", "replay_programs", id="programs"),
    pytest.param(
        'model = "openai/big"', 'modle = "openai/big"', f"{PROFILE}.teacher.modle", "model", id="before-missing"
    ),
    pytest.param("poll_seconds", "poll", f"{PROFILE}.finetuning.poll", "poll_seconds", id="finetuning"),
    pytest.param("min = 0.9", "minimum = 0.9", "tool.distillgate.gates.retention.minimum", "min", id="gate"),
]

BROKEN = [
    pytest.param('task = "mine:task"', "", "tool.distillgate.task is missing", id="task-missing"),
    pytest.param('model = "openai/big",', "", f"{PROFILE}.teacher.model is missing", id="model-missing"),
    pytest.param(", output = 0.6", "", f"{PROFILE}.student.price.output is missing", id="price-half-given"),
    pytest.param('"mine:task"', "1", "tool.distillgate.task must be a string, is 1", id="text"),
    pytest.param("task =", "seed = 1.5\ntask =", "tool.distillgate.seed must be a whole number, is 1.5", id="seed"),
    pytest.param("4", "true", f"{PROFILE}.num_threads must be a whole number, is True", id="truth-is-no-number"),
    pytest.param("0.9", '"0.9"', "tool.distillgate.gates.retention.min must be a number, is '0.9'", id="number"),
    pytest.param(
        "max_tokens = 300", 'retires = "2027"', f"{PROFILE}.teacher.retires must be a date such as", id="date"
    ),
    pytest.param("{ min = 0.9 }", "0.9", "[tool.distillgate.gates.retention] must be a table, is 0.9", id="gate"),
    pytest.param("{ min = 0.9 }", "{}", "tool.distillgate.gates.retention bounds nothing; give min", id="no-bounds"),
    pytest.param(
        "openai/big", "big", f"{PROFILE}.teacher.model = 'big' has no provider prefix, e.g. 'openai/big'", id="prefix"
    ),
    pytest.param(
        "task =",
        'tape_budget_mb = "5"\ntask =',
        "tool.distillgate.tape_budget_mb must be a number, is '5'",
        id="budget",
    ),
    pytest.param(
        "task =",
        'unfinished = "skip"\ntask =',
        "unfinished",
        id="an option that there is no more",
    ),
    pytest.param(
        "{ poll_seconds = 5 }",
        "{ hyperparameters = 3 }",
        f"[{PROFILE}.finetuning.hyperparameters] must be a table, is 3",
        id="hyperparameters",
    ),
    pytest.param(
        "max_tokens = 300",
        "retires = 2027-01-14T00:00:00",
        f"{PROFILE}.teacher.retires must be a date such as",
        id="time",
    ),
    pytest.param("300", "300.0", f"{PROFILE}.teacher.max_tokens must be a whole number, is 300.0", id="fraction"),
    pytest.param("300", "0", f"{PROFILE}.teacher.max_tokens must be at least 1, is 0", id="no-tokens"),
    pytest.param("0.15", "-1", f"{PROFILE}.student.price.input must be at least 0, is -1", id="negative-price"),
    pytest.param("0.15", "nan", f"{PROFILE}.student.price.input must be a finite number, is nan", id="no-number"),
    pytest.param("0.9", "true", "tool.distillgate.gates.retention.min must be a number, is True", id="truth-as-bound"),
    pytest.param(
        "0.9", "0.9, sure = 1", "tool.distillgate.gates.retention.sure must be true or false, is 1", id="flag"
    ),
    pytest.param(
        "{ min = 0.9 }", "{ margin = 0 }", "tool.distillgate.gates.retention.margin must be above 0", id="margin"
    ),
    pytest.param(
        "0.9", "0.9, margin = 0.1", "tool.distillgate.gates.retention has both margin and min", id="margin-and-min"
    ),
    pytest.param("task =", "max_cost = 0\ntask =", "tool.distillgate.max_cost must be above 0, is 0", id="max-cost"),
    pytest.param(
        "task =", "stages = 'a'\ntask =", "tool.distillgate.stages must be a list of strings, is 'a'", id="list"
    ),
    pytest.param(
        "task =", "stages = [1]\ntask =", "tool.distillgate.stages.0 must be a string, is 1", id="list-of-strings"
    ),
    pytest.param('"small"', "3", "tool.distillgate.profile must be a string, is 3", id="profile-as-number"),
    pytest.param("num_threads = 4", "api_base = 3", f"{PROFILE}.api_base must be a string, is 3", id="shared-key"),
    pytest.param(
        "num_threads = 4",
        "machine_usd_per_hour = 1",
        f"{PROFILE} has two prices for openai/little: machine_usd_per_hour and a price per token; keep one",
        id="two-prices",
    ),
    pytest.param(
        "task =",
        "local = 3\ntask =",
        "[tool.distillgate.local] must be a table, is 3",
        id="local",
    ),
]


def load(root, replaced="", by=""):
    assert replaced in SOUND
    (root / "pyproject.toml").write_text(SOUND.replace(replaced, by, 1) if replaced else SOUND, "utf-8")
    return load_config(root, "small")


def test_the_table_that_these_cases_break_is_sound(tmp_path):
    assert load(tmp_path).profile.num_threads == 4


@pytest.mark.parametrize(("replaced", "by", "key", "valid"), UNKNOWN)
def test_an_unknown_key_is_an_error_naming_it_and_the_valid_ones(tmp_path, replaced, by, key, valid):
    with pytest.raises(ConfigError, match=rf"^{re.escape(key)} is unknown; valid: .*\b{valid}\b"):
        load(tmp_path, replaced, by)


@pytest.mark.parametrize(("replaced", "by", "message"), BROKEN)
def test_a_broken_value_is_an_error_naming_its_key_and_what_is_wrong(tmp_path, replaced, by, message):
    with pytest.raises(ConfigError, match=re.escape(message)):
        load(tmp_path, replaced, by)


@pytest.mark.parametrize("tool", ["", "[tool.distillgate]\n", "[tool]\ndistillgate = 3\n"])
def test_a_table_without_profiles_is_an_error_and_no_traceback(tmp_path, tool):
    (tmp_path / "pyproject.toml").write_text(tool)
    with pytest.raises(ConfigError, match=r"no profile 'small'; .*: none|must be a table, is 3"):
        load_config(tmp_path, "small")
