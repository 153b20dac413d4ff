"""What gates are measured on: the teacher and one of the profile's students, ensembles or cascades."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import TYPE_CHECKING

from distillgate.errors import ConfigError, NotMeasuredError
from distillgate.results import gates
from distillgate.results.comparison import Comparison
from distillgate.results.scorecard import Scorecard
from distillgate.results.verdicts import Verdict
from distillgate.stages.spec import STUDENT, TEACHER, Role

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from distillgate.config import Gate
    from distillgate.run.lifecycle import Lifecycle


@dataclass(frozen=True)
class On:
    """One student, ensemble or cascade of a lifecycle."""

    lifecycle: Lifecycle
    recipe: str = ""
    """Its name; empty: the student that is compared with the teacher."""

    only: int | None = None
    """Which of its fine-tunes alone; None: all."""

    card: Callable[[str], Scorecard] | None = None
    """Gives the scorecard of a stage, in place of a replay; costs are not known then."""

    def teacher(self) -> Scorecard:
        """The scorecard that stands for the teacher."""
        return self._standing(TEACHER)

    def student(self) -> Scorecard:
        """The scorecard of the first fine-tune."""
        return self.students()[0]

    def students(self) -> Sequence[Scorecard]:
        """The scorecards of all fine-tunes."""
        graph = self.lifecycle.graph
        standing = graph.standing_for(STUDENT)
        if not self.recipe and (standing is None or standing.recipe is None):
            return [self._standing(STUDENT)]
        shown = graph.showing(self.recipe or (standing.recipe if standing and standing.recipe else ""))
        card = self.card or self.lifecycle.scorecard
        return [card(name) for name in (shown if self.only is None else shown[self.only :][:1])]

    def served(self) -> Scorecard:
        """The scorecard of the student whose tuned model this one is as well.

        Raises:
            NotMeasuredError: it is none of another student.
        """
        recipe = self.lifecycle.profile.recipes.get(self.recipe or self.lifecycle.profile.chosen)
        if recipe is None or not recipe.serves:
            raise NotMeasuredError(
                f"flips of {self.recipe or 'the student'} are not measured: it serves no other student's model; name "
                "that one with serves, and the gate flips@NAME"
            )
        return dataclasses.replace(self, recipe=recipe.serves).student()

    def compared(self) -> Comparison:
        """The first fine-tune against the teacher; of several, the one with the lowest accuracy."""
        worst = min(self.students(), key=lambda card: card.accuracy.value)
        teacher = self.teacher()
        return Comparison(teacher, worst) if self.card else self.lifecycle.against(teacher, worst)

    def about(self, item: str) -> str:
        """The first words of a test item."""
        return self.lifecycle.about(item)

    def _standing(self, role: Role) -> Scorecard:
        if self.card is None:
            return self.lifecycle.standing_for(role)
        stage = self.lifecycle.graph.standing_for(role)
        return self.card(stage.name if stage else "")


def verdict_of(lifecycle: Lifecycle, gate: Gate) -> Verdict:
    """Measure a gate; the stages that it asks for run.

    Raises:
        ConfigError: `holds` is not about as many fine-tunes as there are.
        NotMeasuredError: a price or the seconds behind it are not known.
    """
    on = On(lifecycle, gate.of)
    found = gates.measure(gate, on) if gate.holds is None else _held(gate, on)
    measure = gates.measure_of(gate.name)
    if not measure.by_metric:
        return found
    cards = on.students() if STUDENT.name in measure.roles else ()
    tuned = _tunes(lifecycle, cards[0].stage) if len(cards) == 1 else ""
    return dataclasses.replace(found, judged=lifecycle.judged(), tuned=tuned)


def _tunes(lifecycle: Lifecycle, stage: str) -> str:
    made = any(lifecycle.graph[needed].tunes for needed in lifecycle.graph[stage].needs)
    return "one fine-tune" if made else ""


def _held(gate: Gate, on: On) -> Verdict:
    """The gate in so many of so many fine-tunes."""
    wanted, every = map(int, (gate.holds or "").split(" of "))
    cards = on.students()
    if every != len(cards) or wanted > every:
        raise ConfigError(
            f"gate {gate.name}: holds = {gate.holds!r}, but {gate.of or 'the student'} is tuned {len(cards)} times; "
            "change holds, or seeds of the student"
        )
    alone = dataclasses.replace(gate, holds=None)
    found = [gates.measure(alone, dataclasses.replace(on, only=place)) for place in range(every)]
    worst = min(found, key=lambda one: (one.passed, one.value))
    held = sum(one.passed for one in found)
    counted = dataclasses.replace(gate, minimum=float(wanted), maximum=None, sure=False, margin=None)
    return dataclasses.replace(
        worst,
        gate=counted,
        value=float(held),
        shown=f"{held} of {every} fine-tunes ({', '.join(one.shown for one in found)})",
        limits=None,
        interval="",
        asked=f"{found[0].bound} in {gate.holds}",
    )
