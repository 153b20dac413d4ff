"""Ensembles and cascades: programs made of students and teacher that were evaluated already, without a further call."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from distillgate.errors import MetricError, StageError
from distillgate.results.combined import cascaded, chosen, doubts_of_votes, tradeoff, voted
from distillgate.results.scorecard import Scorecard
from distillgate.stages.spec import Split, Stage
from distillgate.task import load_object

if TYPE_CHECKING:
    from distillgate.recipes import Cascade
    from distillgate.stages.context import Context

ON_DEV = "_on_dev"
"""What the name of an evaluation ends in that is made on dev, to choose a threshold."""


def on_dev(stage: Stage) -> Stage:
    """The same evaluation over the dev rows, whose result decides something and is no figure of its own."""
    judge = f"{stage.judged_by}{ON_DEV}" if stage.judged_by else ""
    return dataclasses.replace(
        stage,
        name=f"{stage.name}{ON_DEV}",
        needs=tuple(judge if name == stage.judged_by else name for name in stage.needs),
        judged_by=judge,
        title=f"{stage.title} on dev",
        split="dev",
        evaluates=False,
        stands_for=None,
        recipe=None,
        one_off=True,
        fixture="",
    )


def ensemble(name: str, members: Sequence[Stage]) -> Stage:
    """The stage in which the majority of the members answers."""

    def run(context: Context) -> Scorecard:
        cards = [context.result(member.name) for member in members]
        for member in members:
            context.spend(context.calls(member.name))
        return _scorecard(context, cards, voted(cards), dict.fromkeys((member.name for member in members), 1.0))

    return _derived(f"ensemble@{name}", f"ensemble {name}", run, members, name)


def cascade(name: str, settings: Cascade, students: Sequence[Stage], teacher: Stage, tried: Sequence[Stage]) -> Stage:
    """The stage in which the first of the students answers, and the teacher where that one is unsure.

    All `students` are fine-tunes of one recipe: where their disagreement is the doubt, all are asked, and their
    majority answers. `tried` are the students' and the teacher's stages on dev, on which the threshold is chosen; empty
    where it is given.
    """

    polled = students if settings.unsure == "seeds" else students[:1]

    def run(context: Context) -> Scorecard:
        cards, asked = [context.result(stage.name) for stage in polled], context.result(teacher.name)
        first, doubts = _polled(cards), _doubts(context, settings, cards, "test")
        threshold = _threshold(context, settings, [stage.name for stage in tried])
        items = cascaded(first, asked, doubts, threshold)
        handed = {item.id for item, doubt in zip(items, doubts, strict=True) if doubt >= threshold}
        for stage in polled:
            context.spend(context.calls(stage.name))
        context.spend(call for call in context.calls(teacher.name) if call.item in handed)
        parts = {stage.name: 1.0 for stage in polled} | {teacher.name: len(handed) / len(items)}
        card = _scorecard(context, [*cards, asked], items, parts)
        return dataclasses.replace(card, tradeoff=tradeoff(first, asked, doubts))

    return _derived(f"cascade@{name}", f"cascade {name}", run, (*polled, teacher, *tried), name)


def _derived(name: str, title: str, run: Callable[[Any], Scorecard], needs: Iterable[Stage], recipe: str) -> Stage:
    needed = list(needs)
    return Stage(
        name,
        title,
        run,
        needs=tuple(dict.fromkeys(stage.name for stage in needed)),
        roles=needed[0].roles[:1],
        evaluates=True,
        marker="distill",
        derived=True,
        recipe=recipe,
    )


def _scorecard(
    context: Context, cards: Sequence[Scorecard], items: Sequence[Any], parts: Mapping[str, float]
) -> Scorecard:
    origins = [card.provenance for card in cards]
    days = sorted(str(origin[day]) for origin in origins for day in ("begun", "recorded") if day in origin)
    provenance = {
        **{name: origins[0].get(name) for name in ("task", "profile", "data", "seed", "versions")},
        **({"reference": "teacher"} if cards[0].by_teacher else {}),
        "stage": context.stage.name,
        "models": list(dict.fromkeys(str(model) for origin in origins for model in origin.get("models") or ())),
        **({"begun": days[0], "recorded": days[-1]} if days else {}),
    }
    models = ", ".join(dict.fromkeys(card.model for card in cards))
    return Scorecard(context.stage.name, models, tuple(items), provenance, parts)


def _polled(cards: Sequence[Scorecard]) -> Scorecard:
    return cards[0] if len(cards) == 1 else dataclasses.replace(cards[0], items=voted(cards))


def _threshold(context: Context, settings: Cascade, tried: Sequence[str]) -> float:
    if not tried:
        return 1.0 if settings.threshold is None else settings.threshold
    *students, teacher = (context.result(stage) for stage in tried)
    doubts = _doubts(context, settings, students, "dev")
    return chosen(tradeoff(_polled(students), teacher, doubts), teacher.accuracy.value, settings.keep)


def _doubts(context: Context, settings: Cascade, students: Sequence[Scorecard], split: Split) -> list[float]:
    """Of each item how unsure the student is, 0 to 1.

    Raises:
        StageError: the recording does not tell it.
        MetricError: the task's callable returns no number from 0 to 1.
    """
    card = students[0]
    if settings.unsure == "seeds":
        return doubts_of_votes(students)
    if settings.unsure == "unparsed":
        return [float(item.parse_failure) for item in card.items]
    if settings.unsure == "logprobs":
        if silent := [item.id for item in card.items if item.confidence is None and not item.parse_failure]:
            raise StageError(
                f"the recording of {card.stage} tells no probabilities of its tokens (item {silent[0]}): its endpoint "
                "gives none, or it was recorded without logprobs = true. Record it again, or choose another unsure"
            )
        return [1.0 if item.parse_failure else round(1 - (item.confidence or 0.0), 6) for item in card.items]
    ask = load_object(settings.unsure, "unsure", context.config.pythonpath)
    rows = {example.id: example.inputs().toDict() for example in context.examples(split)}
    return [
        1.0 if item.parse_failure else _told(ask(rows[item.id], dict(item.outputs)), settings) for item in card.items
    ]


def _told(doubt: Any, settings: Cascade) -> float:
    if isinstance(doubt, bool | int | float) and 0 <= doubt <= 1:
        return float(doubt)
    raise MetricError(f"unsure = {settings.unsure!r} returned {doubt!r}, which is no number from 0 (sure) to 1")
