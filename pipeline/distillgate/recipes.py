"""How students are made: which traces they are tuned on and how; and what is made of several."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import Field, model_validator
from pydantic.dataclasses import dataclass

from distillgate.models import Model
from distillgate.parsing import SETTINGS, Count, Flag, NotNegative, Positive, Table


@dataclass(frozen=True, config=SETTINGS)
class Student(Model):
    """A student and the recipe by which it is tuned."""

    hyperparameters: Mapping[str, Any] = dataclasses.field(default_factory=dict, hash=False)
    """Of its fine-tuning, over those of the profile."""

    traces: Count | None = None
    """How many of the traces that the metric accepts it is trained on; None: all."""

    seeds: Count = 1
    """How many times it is tuned, each time with another seed, to see how much is luck."""

    prompt: Literal["plain", "optimized"] = "plain"
    """Whose instructions it is trained and asked with: the task's own, or the optimised ones."""

    form: str = ""
    """The name of one of the task's `forms`: another program or adapter that it is trained and asked with."""

    curve: tuple[Count, ...] = ()
    """Further numbers of traces that the recipe is tuned on, each as a student `NAME-NUMBER` of its own."""

    strategy: Annotated[str, Field(pattern=r"^((p -> )+w( -> p)*|w( -> p)+)$")] | None = None
    """DSPy's BetterTogether instead of BootstrapFinetune: in which order prompt (`p`, by the profile's optimizer) and
    weights (`w`) of the student are optimised. Exactly one `w`."""

    filter: Flag = True
    """Whether only traces that the metric accepts are trained on; False takes all that parse, to see what it brings."""

    resampled: Flag = False
    """Whether rows whose trace the metric rejects may be trained on by a later sample: see `FineTuning.resample`."""

    quota: Count | None = None
    """The most traces of each label; None: all."""

    distinct: Annotated[NotNegative, Field(le=1)] | None = None
    """Of traces whose inputs are at least this similar (0 to 1), only the first is kept; None: all are."""

    serves: str = ""
    """The student whose tuned model this one is as well, served otherwise: quantised, by another server. Nothing is
    tuned for it; `flips` bounds how many items it answers otherwise."""

    variant: str = ""
    """Of a student that `serves` another's model: what is added to the tuned model's name to call it."""

    def as_model(self) -> Model:
        """The model alone."""
        return Model(**{one.name: getattr(self, one.name) for one in dataclasses.fields(Model)})

    @model_validator(mode="after")
    def _goes_together(self) -> Student:
        if self.tuned and not self.serves and (self.strategy or self.curve or self.seeds > 1):
            raise ValueError("is tuned already, so that seeds, curve and strategy say nothing; take them out")
        if self.serves and (self.strategy or self.curve or self.seeds > 1 or self.traces):
            raise ValueError(f"serves the model of {self.serves!r}: traces, seeds, curve and strategy are that one's")
        if self.variant and not self.serves:
            raise ValueError("has a variant, but serves no other student's model; name that one with serves")
        if self.strategy and (self.prompt == "optimized" or self.form):
            raise ValueError("has a strategy, which optimises the student's own prompt; leave out prompt and form")
        return self


@dataclass(frozen=True, config=SETTINGS)
class Ensemble(Table):
    """Students that are all asked, and whose majority answers."""

    members: Annotated[tuple[str, ...], Field(min_length=1)]
    """Names of students; each fine-tune of a recipe with several seeds has a vote of its own."""


@dataclass(frozen=True, config=SETTINGS)
class Cascade(Table):
    """A student that answers where it is sure, and the teacher where it is not."""

    student: str = ""
    """The name of the student that is asked first; empty: the only one."""

    unsure: str = "unparsed"
    """How it is told that the student is unsure: `unparsed` (its answer does not parse), `logprobs` (the model gives
    little probability to its answer; needs `logprobs = true`), `seeds` (its fine-tunes disagree), or `module:callable`
    of the task, which takes a row's inputs and the student's outputs and returns a number, 0 (sure) to 1."""

    threshold: Annotated[NotNegative, Field(le=1)] | None = None
    """The doubt from which the teacher is asked; None: it is chosen on dev, which is asked for that."""

    keep: Annotated[Positive, Field(le=1)] = 1.0
    """Share of the teacher's accuracy on dev that the threshold is chosen to keep, at the least cost."""


@dataclass(frozen=True, config=SETTINGS)
class FineTuning(Table):
    """How a profile's student is tuned."""

    hyperparameters: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    """As the endpoint names them: `n_epochs`, `batch_size`, `learning_rate_multiplier`."""

    suffix: str = ""
    """Becomes part of the tuned model's name."""

    poll_seconds: NotNegative = 20.0
    """Pause between two looks at a running job; none in replay."""

    resample: Count = 3
    """How often the teacher is asked again about a row whose trace the metric rejects, for students that are trained on
    `resampled` traces."""

    resample_temperature: Positive = 0.7
    """Of these samples."""

    usd_per_million_tokens: NotNegative | None = None
    """Price of training, per million tokens of the training file times epochs; None where it is not known."""
