"""Every test item with both answers and the calls behind them, as data for the page's script."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import orjson
from markupsafe import Markup

from distillgate.report.page.facets import ORDER, Facet
from distillgate.report.page.prompts import fields
from distillgate.report.run import Conversation, Run
from distillgate.results.numbers import count, decimal, seconds
from distillgate.results.scorecard import ItemResult, Scorecard
from distillgate.secrets.known import scrubbed


class Shared:
    """Texts as numbers of their lines: what prompts, questions and answers have in common is stored once."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self.prompts: list[list[list[Any]]] = []
        """What goes before a question: [role, text] of each message."""
        self._places: dict[str, int] = {}
        self._prompts: dict[tuple[tuple[str, str], ...], int] = {}

    def text(self, text: str) -> list[int]:
        """The places of its lines."""
        places = []
        for line in scrubbed(text).split("\n"):
            if line not in self._places:
                self._places[line] = len(self.lines)
                self.lines.append(line)
            places.append(self._places[line])
        return places

    def prompt(self, messages: tuple[tuple[str, str], ...]) -> int:
        """The place of these messages."""
        if messages not in self._prompts:
            self._prompts[messages] = len(self.prompts)
            self.prompts.append([[role, self.text(text)] for role, text in messages])
        return self._prompts[messages]

    def pairs(self, values: Mapping[str, Any]) -> list[list[Any]]:
        """[name, text] of each field."""
        return [[name, self.text(value)] for name, value in fields(values)]


def data_of(run: Run, facets: Sequence[Facet]) -> dict[str, Any]:
    """What the script knows, JSON-ready; items as they flipped, then as they are called."""
    cards, shared = run.pair, Shared()
    listed = [
        _item(run, cards, place, [facet.ordered.index(facet.values[place]) for facet in facets], shared)
        for place in range(min((card.n for card in cards), default=0))
    ]
    outcomes = facets[0].ordered if facets else ()
    return {
        "players": [run.title(card.stage) for card in cards],
        "tapes": [[place.label, place.address] if (place := run.sources.get(card.stage)) else None for card in cards],
        "facets": [[facet.name, facet.title, facet.ordered] for facet in facets],
        "items": sorted(listed, key=lambda item: ORDER.index(outcomes[item["facets"][0]])),
        "prompts": shared.prompts,
        "lines": shared.lines,
    }


def embedded(data: Any) -> Markup:
    """JSON that can stand inside a `script` element whatever it holds: nothing in it ends or opens one."""
    text = scrubbed(orjson.dumps(data).decode())
    for sign in "<>&\u2028\u2029":
        text = text.replace(sign, f"\\u{ord(sign):04x}")
    return Markup(text)  # noqa: S704  # no sign that HTML knows is left


def _item(run: Run, cards: Sequence[Scorecard], place: int, facets: list[int], shared: Shared) -> dict[str, Any]:
    first = cards[0].items[place]
    row = run.rows.get(first.id, {})
    golden = {name: value for name, value in row.items() if name not in ("id", *run.inputs)}
    return {
        "id": first.id,
        "expected": first.expected or first.reference,
        "facets": facets,
        "inputs": shared.pairs({name: row[name] for name in run.inputs if name in row}),
        "golden": shared.pairs(golden),
        "answers": [_answer(run, card, card.items[place], shared) for card in cards],
    }


def _answer(run: Run, card: Scorecard, item: ItemResult, shared: Shared) -> dict[str, Any]:
    judged = [f"{name.replace('_', ' ')} {decimal(value)}" for name, value in item.secondary.items()]
    verdict = "unparsed" if item.parse_failure else "right" if item.correct else "wrong"
    return {
        "answer": item.answer or "unparsed",
        "correct": item.correct,
        "parsed": not item.parse_failure,
        "verdict": f"score {decimal(item.score)}" if item.correct is None else verdict,
        "scores": ", ".join([f"score {decimal(item.score)}", *judged]),
        "numbers": [item.score, item.seconds, item.prompt_tokens, item.cached_tokens, item.completion_tokens],
        "fields": shared.pairs(item.outputs),
        "took": f"{seconds(item.seconds)}, {count(item.prompt_tokens)} + {count(item.completion_tokens)} tokens"
        + ("" if item.alone else ", not alone")
        + (f", {item.decided}" if item.decided else ""),
        "calls": [_call(one, shared) for one in run.conversations.get(card.stage, {}).get(item.id, ())],
    }


def _call(one: Conversation, shared: Shared) -> dict[str, Any]:
    call, roles = one.call, [role for role, _ in one.messages]
    answered = max((place for place, role in enumerate(roles) if role in ("assistant", "model")), default=-1)
    begun = answered + 1 if answered >= 0 else len([role for role in roles if role in ("system", "developer")])
    cached = f" ({count(call.cached_tokens)} cached)" if call.cached_tokens else ""
    return {
        "prompt": shared.prompt(one.messages[:begun]),
        "asked": [[role, shared.text(text)] for role, text in one.messages[begun:]],
        "answer": shared.text(one.answer),
        "told": [
            ["model", call.model],
            ["purpose", call.purpose],
            ["tokens", f"{count(call.prompt_tokens)}{cached} in, {count(call.completion_tokens)} out"],
            ["time", seconds(call.seconds) if call.seconds else "not known"],
            ["in flight", "alone" if call.in_flight == 1 else f"{count(call.in_flight)} calls at once"],
        ],
        "line": one.line,
    }
