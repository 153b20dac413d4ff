"""Finds secrets in texts and JSON values, and puts marks in their place."""

from __future__ import annotations

import base64
import json
import re
from bisect import bisect_right
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any
from urllib.parse import quote, quote_plus, unquote

from distillgate.secrets.rules import RULES
from distillgate.secrets.shape import NAMED, TELLING, UNBROKEN, Rule

SHORTEST = 4
"""Characters below which a value is no secret but a word, and replacing it would garble the text."""

SHORT = 8
"""Characters below which a value is found as a whole word only, and not in base64."""

MOST_PASSES = 20
"""Passes over a text, in each of which what was replaced may uncover more: only made-up texts take many."""

DEEPEST = 8
"""How often a part of a URL may be encoded again."""

MARK = re.compile(r"\[secret:[\w:.-]+\]")
_MARK_OR_NOT = re.compile(f"({MARK.pattern})")
MARKED = re.compile(rf"(?:(?:bearer|basic|token|digest) )?{MARK.pattern}", re.IGNORECASE)
NAMED_MARK = "[secret:named-secret]"

_PART = r"[^\s\"'<>/?&=;,]"
_ENCODED = re.compile(rf"(?<!{_PART}){_PART}*%[0-9A-Fa-f]{{2}}{_PART}*")
"""A part of a URL with a character written as its code."""


@dataclass(frozen=True, slots=True)
class Finding:
    """A secret, of which nothing but its kind and its place may be told."""

    rule: Rule
    place: str
    """Where in the JSON value: `.messages[0].content`; empty for a text of its own."""


class Scrubber:
    """Puts a mark in the place of each secret. What is clean already stays as it is, to the byte."""

    def __init__(self, known: Mapping[str, str] | None = None, rules: Iterable[Rule] = RULES) -> None:
        """`known` are secrets by name, whatever they look like; each is found as `env:NAME`."""
        # Longest first: a secret may begin another one, whose end would stay.
        longest = sorted((known or {}).items(), key=lambda item: (-len(item[1]), item))
        self.rules = (*(_known(name, value) for name, value in longest if len(value) >= SHORTEST), *rules)
        self._by_name = _BY_NAME in self.rules
        # all hints at once, because few texts hold any
        self._plain, self._lower, self._long = (
            _shortest(frozenset(hint for rule in self.rules if kind(rule) for hint in rule.hints)) for kind in _KINDS
        )
        self._scrubbed = lru_cache(maxsize=2048)(self._scrub)  # prompts share their texts, and are looked at repeatedly
        self._plain_key = lru_cache(maxsize=2048)(self._is_plain_key)

    def text(self, text: str) -> str:
        """`text` with its secrets replaced."""
        return self._scrubbed(text)[0]

    def value(self, value: Any) -> tuple[Any, list[Finding]]:
        """A JSON value with the secrets in its texts and keys replaced, and what was found."""
        found: list[Finding] = []
        if self._clean(value):  # as nearly all are, of which nothing need be built anew
            return value, found
        return self._walk(value, "", found), found

    def _clean(self, value: Any) -> bool:
        """Whether there is surely nothing to be replaced."""
        if isinstance(value, str):
            return not self._scrubbed(value)[1]
        if isinstance(value, list):
            return all(map(self._clean, value))
        if isinstance(value, dict):
            return all(self._clean_pair(key, child) for key, child in value.items())
        return True

    def _clean_pair(self, key: str, child: Any) -> bool:
        return self._plain_key(key, isinstance(child, str)) and self._clean(child)

    def _is_plain_key(self, key: str, of_text: bool) -> bool:
        return not (of_text and TELLING.search(key)) and not self._scrubbed(key)[1]

    def _walk(self, value: Any, place: str, found: list[Finding]) -> Any:
        if isinstance(value, str):
            return self._leaf(value, place, found)
        if isinstance(value, list):
            return [self._walk(child, f"{place}[{index}]", found) for index, child in enumerate(value)]
        if not isinstance(value, dict):
            return value
        cleaned = {}
        for key, child in value.items():
            name = self._leaf(key, place, found)
            inner = f"{place}.{name}"
            telling = isinstance(child, str) and TELLING.search(key)
            cleaned[name] = self._named(key, child, inner, found) if telling else self._walk(child, inner, found)
        return cleaned

    def _leaf(self, text: str, place: str, found: list[Finding]) -> str:
        cleaned, rules = self._scrubbed(text)
        found.extend(Finding(rule, place) for rule in rules)
        return cleaned

    def _named(self, key: str, text: str, place: str, found: list[Finding]) -> str:
        """A text whose key says what it is, as `password` does."""
        pair, rules = self._scrubbed(f"{key}={text}")
        if pair.startswith(f"{key}="):
            found.extend(Finding(rule, place) for rule in rules)
            cleaned = pair[len(key) + 1 :]
        else:  # the key is a secret too
            cleaned = self._leaf(text, place, found)
        if self._by_name and cleaned and NAMED.fullmatch(key) and not MARKED.fullmatch(cleaned):
            found.append(Finding(_BY_NAME, place))
            return NAMED_MARK
        return cleaned

    def _scrub(self, text: str) -> tuple[str, tuple[Rule, ...]]:
        found: list[Rule] = []
        # until nothing changes: what is scrubbed twice must not differ from what is scrubbed once
        for _ in range(MOST_PASSES):
            if (cleaned := self._pass(text, found)) == text:
                break
            text = cleaned
        return text, tuple(found)

    def _pass(self, text: str, found: list[Rule]) -> str:
        if "%" in text:  # first, because a part of a URL ends where a token may go on
            text = _ENCODED.sub(lambda part: self._decoded(part[0], found), text)
        lowered, words = text.lower(), _words(text)
        for rule in self.rules if self._may_hold(text, lowered, words) else ():
            searched = words if rule.unbroken else lowered if rule.ignores_case else text
            if (
                searched
                and any(hint in searched for hint in rule.hints)
                and (searched is not words or rule.leading or rule.pattern.search(words))
                and (cleaned := _replaced(rule, text, found)) != text
            ):
                text, lowered, words = cleaned, cleaned.lower(), _words(cleaned)
        if "\\" in text and text.lstrip()[:1] in ("{", "[", '"'):
            text = self._parsed(text, found)
        return text

    def _may_hold(self, text: str, lowered: str, words: str) -> bool:
        return bool(
            any(map(text.__contains__, self._plain))
            or any(map(lowered.__contains__, self._lower))
            or (words and any(map(words.__contains__, self._long)))
        )

    def _decoded(self, part: str, found: list[Rule]) -> str:
        if _too_deep(part):
            return part
        cleaned, rules = self._scrubbed(unquote(part.replace("+", " ")))
        found.extend(rules)
        pieces = _MARK_OR_NOT.split(cleaned) if rules else []
        return "".join(piece if MARK.fullmatch(piece) else quote(piece, safe="") for piece in pieces) or part

    def _parsed(self, text: str, found: list[Rule]) -> str:
        """A text that is JSON itself, as a tool's arguments are: escapes may hide a secret in it."""
        try:
            cleaned, findings = self.value(json.loads(text))
        except (ValueError, RecursionError):
            return text
        found.extend(finding.rule for finding in findings)
        return json.dumps(cleaned) if findings else text


_KINDS: tuple[Callable[[Rule], bool], ...] = (
    lambda rule: not rule.unbroken and not rule.ignores_case,
    lambda rule: rule.ignores_case and not rule.unbroken,
    lambda rule: rule.unbroken,
)
"""Where a rule's hints are looked for: in the text, in the text in lower case, in its long words."""

_BY_NAME = next(rule for rule in RULES if rule.name == "named-secret")


def _words(text: str) -> str:
    """The words of a text that are long enough for a token."""
    return " ".join([word for word in text.split() if len(word) >= UNBROKEN])


def _too_deep(part: str) -> bool:
    """Whether a part of a URL is encoded so many times over that nobody meant it."""
    for _ in range(DEEPEST):
        if (decoded := unquote(part)) == part:
            return False
        part = decoded
    return True


@lru_cache
def _shortest(hints: frozenset[str]) -> tuple[str, ...]:
    """Without those that hold another one, which is found wherever they are."""
    return tuple(hint for hint in hints if not any(other != hint and other in hint for other in hints))


def _replaced(rule: Rule, text: str, found: list[Rule]) -> str:
    marks = [mark.span() for mark in MARK.finditer(text)] if "[secret:" in text else []
    pieces, done = [], 0
    for match in rule.matches(text):
        start, end = match.span(match.lastgroup or 0)
        before = bisect_right(marks, (start, len(text))) - 1
        in_a_mark = before >= 0 and end <= marks[before][1]
        if start < done or in_a_mark or not rule.accept(match):
            continue
        if rule.rest is not None and (rest := rule.rest.match(text, end)):
            end = rest.end()
        found.append(rule)
        pieces += [text[done:start], f"[secret:{rule.name}]"]
        done = end
    return "".join([*pieces, text[done:]]) if pieces else text


def _known(name: str, value: str) -> Rule:
    in_json = [json.dumps(value, ensure_ascii=ascii_only)[1:-1] for ascii_only in (True, False)]
    in_text = [json.dumps(form, ensure_ascii=False)[1:-1] for form in in_json]  # JSON in a text of JSON
    forms = {value, *in_json, *in_text, quote(value), quote(value, safe=""), quote_plus(value)}
    longest = sorted(forms, key=lambda form: (-len(form), form))
    pattern = "|".join(map(re.escape, longest))
    if len(value) < SHORT:
        return Rule(f"env:{name}", re.compile(rf"(?<!\w)(?:{pattern})(?!\w)"), tuple(longest))
    encoded = _in_base64(value.encode())
    pattern += f"|(?:{'|'.join(map(re.escape, encoded))})={{0,2}}"
    return Rule(f"env:{name}", re.compile(pattern), (*longest, *encoded))


def _in_base64(value: bytes) -> list[str]:
    """What of base64 depends on `value` alone, standing at any of the three places that it can begin at in a text.

    The standard alphabet's and that of URLs (RFC 4648).
    """
    forms = set()
    for before in range(3):
        first, whole = -(-before * 8 // 6), (before + len(value)) * 8 // 6
        for encode in (base64.b64encode, base64.urlsafe_b64encode):
            forms.add(encode(bytes(before) + value).decode()[first:whole])
    return sorted(forms)
