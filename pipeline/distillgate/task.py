"""What is distilled: the seam between a user's task and everything that this project does with it."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from distillgate.errors import ConfigError

if TYPE_CHECKING:
    import dspy
    from pydantic import BaseModel

Row = Mapping[str, Any]
"""One golden row as it stands in the JSON Lines file."""

Metric = Callable[..., Any]
"""`metric(example, prediction, trace=None)` → bool, a score from 0 to 1, or a `dspy.Prediction(score=…)`; with a trace,
the stricter form that decides which traces become training data. May be asynchronous."""


@dataclass(frozen=True, slots=True)
class Form:
    """Another way in which a student is trained and asked: a shorter answer, another adapter."""

    program: Callable[[], dspy.Module]
    """Makes the program. Its predictors have the names of the task's program's (a `ChainOfThought` may become a
    `Predict`) and its fields are among theirs, so that training rows can be written of the teacher's traces."""

    adapter: Callable[[], dspy.Adapter] | None = None
    """None leaves the task's."""


@dataclass(frozen=True, slots=True)
class Task:
    """A program to distil, with the data and the metrics that judge it.

    Nothing outside the task's own package (`news`, or the user's) knows more about a task than this.
    """

    name: str
    """Names the folders `golden/<name>` and `cassettes/<name>`."""

    program: Callable[[], dspy.Module]
    """Makes a fresh, uncompiled program; teacher and student both start from it."""

    metric: Metric | None
    """Judges an answer against its golden row; None where no row holds a right answer: then the teacher's own answers
    are what students are judged against, in a profile with `reference = "teacher"`."""

    inputs: tuple[str, ...]
    """The row's fields that the program is called with; a row may lack those for which `row` has a default."""

    label: str = ""
    """The field that holds one of few right answers, in rows and in predictions alike; empty where answers are open."""

    labels: tuple[str, ...] = ()
    """Every value that the label field may take; empty leaves it to the rows."""

    row: type[BaseModel] | None = None
    """What a row must look like: a Pydantic model of all its fields but `id`, or the program's `dspy.Signature`, whose
    outputs a row may lack. None: a row has the inputs and the label, and anything else."""

    slices: tuple[str, ...] = ()
    """Fields of a row by whose values results are told apart: difficulty, language, source."""

    cluster: str = ""
    """A field that tells which rows depend on each other: articles of one event, questions about one document."""

    threshold: float | None = None
    """The score from which an answer counts as correct, for a metric that grades (0 to 1). None: the means of the
    scores are compared. A metric that returns a bool needs none."""

    training_threshold: float | None = None
    """The score from which a trace is trained on; None: the `threshold`. A metric that grades needs one of the two."""

    adapter: Callable[[], dspy.Adapter] | None = None
    """Makes the adapter that writes prompts and training rows and parses answers; None leaves the one that the task's
    module configured (`dspy.configure`), else DSPy's own."""

    secondary: Mapping[str, Callable[[dspy.Example, dspy.Prediction], float]] = field(default_factory=dict)
    """Further metrics, name → a score from 0 to 1 for one item; reported, and gated where a bound has their name."""

    labeled_demos: int = 0
    """Training rows of each label, with every output of the program's predictor, that each demonstration set of the
    optimizer shows. 0: the optimizer bootstraps its demonstrations from the teacher's own answers."""

    demo_rows: Callable[[Row], bool] | None = None
    """Which training rows are shown rather than others, where `labeled_demos` are shown; None: any."""

    agrees: Callable[[Mapping[str, Any], Mapping[str, Any]], bool | float] | None = None
    """Whether two answers to one item, each as its outputs by name, say the same: True or False, or a degree from 0 to
    1; where the teacher's answers are the reference. None: their labels are equal, or, of open answers, all outputs."""

    forms: Mapping[str, Form] = field(default_factory=dict)
    """Other forms in which students may be trained and asked, by the name that `form` of a student gives."""

    def judge(self) -> Metric:
        """The metric.

        Raises:
            ConfigError: the task has none.
        """
        if self.metric is None:
            raise ConfigError(
                f"the task {self.name!r} has no metric. Give it one, or let the teacher's own answers be what students "
                'are judged against: reference = "teacher" in the profile'
            )
        return self.metric

    def in_form(self, name: str) -> Task:
        """The task as students of that form meet it; itself for the empty name.

        Raises:
            ConfigError: it has no such form.
        """
        if not name:
            return self
        if name not in self.forms:
            raise ConfigError(
                f"form = {name!r} of a student is unknown to the task {self.name!r}; valid: "
                f"{', '.join(self.forms) or 'none, for the task declares no forms'}"
            )
        form = self.forms[name]
        return replace(self, program=form.program, adapter=form.adapter or self.adapter)


def load_task(reference: str, pythonpath: Iterable[Path] = ()) -> Task:
    """Import the task named as `module:attribute`; the folders of `pythonpath` are searched first.

    Raises:
        ConfigError: the reference is malformed, the module or attribute is missing, or it is no `Task`.
    """
    found = load_object(reference, "task", pythonpath)
    if not isinstance(found, Task):
        raise ConfigError(f"task = {reference!r} is a {type(found).__name__}, not a distillgate.Task")
    return found


def load_object(reference: str, key: str, pythonpath: Iterable[Path] = ()) -> Any:
    """Import what the setting `key` names as `module:attribute`.

    Raises:
        ConfigError: the reference is malformed, or the module or attribute is missing.
    """
    module_name, _, attribute = reference.partition(":")
    if not module_name or module_name.startswith(".") or not attribute:
        raise ConfigError(f"{key} = {reference!r} is not of the form 'module:attribute'")
    for folder in reversed([str(folder) for folder in pythonpath]):
        if folder not in sys.path:
            sys.path.insert(0, folder)
    try:
        module = importlib.import_module(module_name)
    except ModuleNotFoundError as error:
        raise ConfigError(
            f"{key} = {reference!r}: no module {error.name!r}. Install the package that holds it, or name its "
            "folder in pythonpath of [tool.distillgate]"
        ) from error
    try:
        return getattr(module, attribute)
    except AttributeError as error:
        raise ConfigError(f"{key} = {reference!r}: {module_name} has no {attribute!r}") from error
