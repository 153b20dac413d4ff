"""A run of any size for tests of the reports, made up without a model."""

from __future__ import annotations

import random
from collections.abc import Mapping
from typing import Any

from distillgate.calls import Call
from distillgate.config import Gate
from distillgate.money.ledger import Economics
from distillgate.report.run import Conversation, Place, Prompt, Run
from distillgate.results.comparison import Comparison
from distillgate.results.scorecard import UNPARSED, ItemResult, Scorecard
from distillgate.results.verdicts import Verdict
from distillgate.stages import STAGES as DECLARED
from distillgate.stages.spec import Graph

GRAPH = Graph(DECLARED)
LABELS = ("politics", "technology", "sports", "health", "finance", "entertainment")
WORDS = ("the", "council", "of", "a", "small", "town", "voted", "late", "to", "repair", "its", "old", "stone", "bridge")
STAGES = {"teacher": (0.9, 7.0), "optimized": (0.95, 8.0), "student": (0.2, 0.4), "distilled": (0.92, 0.5)}
"""Stage → (share of right answers, seconds an item)."""
COSTS = {"teacher": 0.23, "optimized": 0.31, "student": 0.014, "distilled": 0.016}
HOSTILE = "</script><script>alert(1)</script><img src=x onerror=alert(1)>{{ 7*7 }}<!--"


def made_up(items: int = 240, hostile: str = "", least: float = 0.9) -> Run:
    """A run whose texts hold `hostile` wherever a model or a data file speaks; `least` is the bound of retention."""
    draw = random.Random(3)
    rows = {f"item-{n:05}": _row(draw, f"item-{n:05}", hostile) for n in range(items)}
    cards = {stage: _card(stage, draw, rows, hostile) for stage in STAGES}
    compared = Comparison(cards["optimized"], cards["distilled"], COSTS["optimized"], COSTS["distilled"])
    right = cards["optimized"].accuracy
    verdicts = (
        Verdict(Gate("teacher_accuracy", 0.8), right.value, items, "95.0 %", right.interval, "91 to 97"),
        Verdict(
            Gate("retention", least), compared.retention, items, "97.0 %", compared.retention_interval, "94 to 99",
            tuple(f"{one.id}: expected {one.expected}{hostile}" for one, _ in compared.lost), "distil from more data",
        ),
        Verdict(Gate("latency_ratio", None, 0.25), compared.latency_ratio, 24, "0.06×"),
    )  # fmt: skip
    plain = "Name the desk that would have to check what the news item states. What is stated decides."
    demonstration = {"article": next(iter(rows.values()))["article"], "category": "health", "entities": ["A", hostile]}
    return Run(
        GRAPH, "news", "local", cards, COSTS, comparison=compared,
        economics=Economics(0.41, COSTS["optimized"], COSTS["distilled"]), verdicts=verdicts,
        unmeasured={"cost_reduction": f"no price{hostile}"}, labels=LABELS, inputs=("article",), rows=rows,
        plain=(Prompt("classify.predict", plain, ()),),
        optimized=(Prompt("classify.predict", f"Read twice. {plain} Be brief.{hostile}", (demonstration,) * 3),),
        losses=tuple((step, 2.4 / (1 + step / 20)) for step in range(5, 135, 5)),
        conversations={stage: _conversations(cards[stage], rows, hostile) for stage in ("optimized", "distilled")},
        sources={stage: Place(f"tapes/{stage}.jsonl", f"../tapes/{stage}.jsonl") for stage in STAGES},
        headers={stage: {"models": [f"openai/{stage}{hostile}"], "versions": {"dspy": "3.4.1"}} for stage in STAGES},
    )  # fmt: skip


def _conversations(
    card: Scorecard, rows: Mapping[str, Mapping[str, Any]], hostile: str
) -> dict[str, list[Conversation]]:
    before = (("system", f"Your input field is `article`.{hostile}"), ("user", "An example."), ("assistant", "health"))
    return {
        one.id: [
            Conversation(
                Call(card.model, one.prompt_tokens, one.completion_tokens, one.seconds, 2 - one.alone, 40, one.id),
                (*before, ("user", f"[[ ## article ## ]]\n{rows[one.id]['article']}")),
                f"[[ ## category ## ]]\n{one.answer}{hostile}",
                line,
            )
        ]
        for line, one in enumerate(card.items, start=2)
    }  # fmt: skip


def item(name: str, correct: bool | None, **changed: Any) -> ItemResult:
    """An item's result: right or wrong, or graded, with a `score`; further fields as they are given."""
    usual: dict[str, Any] = {
        "slices": {"difficulty": "easy"}, "cluster": "", "expected": "bug", "reference": "", "answer": "bug",
        "outputs": {}, "score": float(bool(correct)), "parse_failure": False,
        "secondary": {}, "calls": 1, "prompt_tokens": 500, "cached_tokens": 0, "completion_tokens": 100,
        "seconds": 1.0, "alone": True,
    }  # fmt: skip
    return ItemResult(id=name, correct=correct, **(usual | changed))


def _row(draw: random.Random, name: str, hostile: str) -> dict[str, Any]:
    article = f"{name.title()} opens. {' '.join(draw.choices(WORDS, k=55))}.{hostile}"
    label = LABELS[int(name[-5:]) % len(LABELS)]
    hard = "hard" if draw.random() < 0.4 else "easy"
    return {
        "id": name,
        "article": article,
        "category": label,
        "entities": ["Kuopio", f"Bridge{hostile}"],
        "difficulty": hard,
    }


def _card(stage: str, draw: random.Random, rows: Mapping[str, Mapping[str, Any]], hostile: str) -> Scorecard:
    share, seconds = STAGES[stage]
    results = []
    for place, (name, row) in enumerate(rows.items()):
        right = draw.random() < share - (0.06 if row["difficulty"] == "hard" else 0)
        failed = not right and (stage == "student" or draw.random() < 0.2)
        answer = (
            row["category"]
            if right
            else ""
            if failed
            else draw.choice([one for one in LABELS if one != row["category"]])
        )
        reasoning = f"The news is what {stage} says: {answer}. The place is only the setting.{hostile}"
        answered = {
            "reasoning": reasoning,
            "category": answer,
            "entities": ["Kuopio", hostile],
            "summary": f"A vote.{hostile}",
        }
        results.append(
            ItemResult(
                id=name, slices={"difficulty": row["difficulty"]}, cluster="", expected=row["category"], reference="",
                answer=answer, outputs={UNPARSED: f"I would say{hostile}"} if failed else answered, score=float(right),
                correct=right, parse_failure=failed, secondary={"entity_f1": draw.random()}, calls=1,
                prompt_tokens=540, cached_tokens=0, completion_tokens=90,
                seconds=seconds * draw.lognormvariate(0, 0.35), alone=place % 10 == 0,
            )
        )  # fmt: skip
    provenance = {"data": "sha256:0123456789abcdef", "recorded": "2026-10-01"}
    return Scorecard(stage, f"openai/{stage}", tuple(results), provenance)
