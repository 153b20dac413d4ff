"""What is distilled: the seam between a user's task and everything that this project does with it."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from distillgate.errors import ConfigError

if TYPE_CHECKING:
    import dspy

Row = Mapping[str, Any]
"""One golden row as it stands in the JSON Lines file."""

Metric = Callable[..., bool]
"""`metric(example, prediction, trace=None)`; with a trace, the stricter form that filters training data."""

Rule = Callable[[Row], str | None]
"""Checks one golden row; returns `field: what is wrong` or None."""


@dataclass(frozen=True, slots=True)
class Task:
    """A program to distil, with the data and the metrics that judge it.

    Nothing outside the task's own package (`news`, or the user's own package) knows more about a task than this.
    """

    name: str
    """Names the folders `golden/<name>` and `cassettes/<name>`."""

    program: Callable[[], dspy.Module]
    """Makes a fresh, uncompiled program; teacher and student both start from it."""

    metric: Metric
    labels: tuple[str, ...]
    """Every value that the label field may take."""

    inputs: tuple[str, ...]
    """The row's fields that the program is called with."""

    label: str
    """The field that holds the answer, in rows and in predictions alike."""

    secondary: Mapping[str, Callable[[dspy.Example, dspy.Prediction], float]] = field(default_factory=dict)
    """Reported beside the metric, never gated by it: name → a score from 0 to 1 for one item."""

    fields: Mapping[str, type] = field(default_factory=dict)
    """Required fields of a row besides `id`, `difficulty`, the inputs and the label, with their types."""

    worked: Mapping[str, type] = field(default_factory=dict)
    """Fields that complete a row's answer, such as `reasoning`, with their types. A row may lack them; training rows
    that hold them all become the demonstrations among which the optimiser chooses."""

    rules: tuple[Rule, ...] = ()
    """What this task demands of each golden row on top of the general rules."""


def load_task(reference: str) -> Task:
    """Import the task named as `module:attribute`.

    Raises:
        ConfigError: the reference is malformed, the module or attribute is missing, or it is no `Task`.
    """
    module_name, _, attribute = reference.partition(":")
    if not module_name or module_name.startswith(".") or not attribute:
        raise ConfigError(f"task = {reference!r} is not of the form 'module:attribute'")
    try:
        module = importlib.import_module(module_name)
    except ModuleNotFoundError as error:
        raise ConfigError(
            f"task = {reference!r}: no module {error.name!r}; is the package that holds it installed?"
        ) from error
    try:
        found = getattr(module, attribute)
    except AttributeError as error:
        raise ConfigError(f"task = {reference!r}: {module_name} has no {attribute!r}") from error
    if not isinstance(found, Task):
        raise ConfigError(f"task = {reference!r} is a {type(found).__name__}, not a distillgate.task.Task")
    return found
