"""A task is named as `module:attribute`; whatever is wrong with the name is one clear error."""

import re
import sys

import pytest
from distillgate.errors import ConfigError
from distillgate.task import Task, load_task

MODULE = """
from distillgate.task import Task

task = Task("tickets", lambda: None, lambda *_: True, ("body",), "kind", ("bug", "wish"))
not_one = {"name": "tickets"}
"""


@pytest.fixture
def module(tmp_path, monkeypatch):
    """Writes an importable module."""
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setattr(sys, "dont_write_bytecode", True)

    def write(name, text=MODULE):
        monkeypatch.delitem(sys.modules, name, raising=False)
        (tmp_path / f"{name}.py").write_text(text)

    return write


def test_a_task_is_found_by_module_and_attribute(module):
    module("a_sound_task")
    loaded = load_task("a_sound_task:task")
    assert isinstance(loaded, Task)
    assert loaded.name == "tickets"


@pytest.mark.parametrize(
    "reference",
    [
        "",
        "a_sound_task",
        "a_sound_task:",
        ":task",
        pytest.param(
            ".a_sound_task:task",
        ),
    ],
)
def test_a_reference_of_another_form_is_an_error_showing_the_form(reference):
    with pytest.raises(ConfigError, match=re.escape(f"task = {reference!r} is not of the form 'module:attribute'")):
        load_task(reference)


@pytest.mark.parametrize(
    ("reference", "missing"),
    [
        pytest.param("no_such_module_here:task", "no_such_module_here", id="module"),
        pytest.param("no_such_package_here.tasks:task", "no_such_package_here", id="package"),
        pytest.param(
            "distillgate.no_such_module_here:task", "distillgate.no_such_module_here", id="module-of-a-package"
        ),
    ],
)
def test_a_missing_module_is_an_error_naming_it(reference, missing):
    with pytest.raises(ConfigError, match=rf"no module '{re.escape(missing)}'. Install the package that holds it"):
        load_task(reference)


def test_a_module_missing_to_the_tasks_own_is_named_too(module):
    module("a_task_in_need", "import no_such_dependency\n")
    with pytest.raises(ConfigError, match=r"'a_task_in_need:task': no module 'no_such_dependency'"):
        load_task("a_task_in_need:task")


def test_a_missing_attribute_is_an_error_naming_it(module):
    module("another_sound_task")
    with pytest.raises(ConfigError, match="another_sound_task has no 'tsk'"):
        load_task("another_sound_task:tsk")


def test_an_attribute_error_inside_the_module_is_not_taken_for_a_missing_task(module):
    module("a_faulty_task", "import re\n\nre.no_such_function()\n")
    with pytest.raises(AttributeError, match="no_such_function"):
        load_task("a_faulty_task:task")


def test_something_else_than_a_task_is_an_error_naming_its_type(module):
    module("a_third_sound_task")
    with pytest.raises(ConfigError, match=r"'a_third_sound_task:not_one' is a dict, not a distillgate\.Task"):
        load_task("a_third_sound_task:not_one")
