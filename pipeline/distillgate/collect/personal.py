"""Masks secrets and personal data: the rules of `distillgate.secrets`, some more, and Presidio's if it is asked for."""

from __future__ import annotations

import ipaddress
import re
from collections import Counter
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from distillgate.errors import CollectError, MissingExtraError
from distillgate.secrets.known import remembered
from distillgate.secrets.rules import RULES
from distillgate.secrets.scrub import Scrubber
from distillgate.secrets.shape import Rule

if TYPE_CHECKING:
    from presidio_analyzer import AnalyzerEngine

SURE = 0.5
"""Presidio's score from which a finding is masked."""


def _is_card(match: re.Match[str]) -> bool:
    """Whether the check digit is right (Luhn, ISO/IEC 7812-1)."""
    digits = [int(digit) for digit in reversed(re.sub(r"\D", "", match[0]))]
    doubled = [digit * 2 - 9 * (digit > 4) for digit in digits[1::2]]
    return len(set(digits)) > 1 and (sum(digits[::2]) + sum(doubled)) % 10 == 0


def _is_iban(match: re.Match[str]) -> bool:
    """Whether the check digits are right (modulo 97, ISO 13616)."""
    compact = match[0].replace(" ", "").upper()
    return int("".join(str(int(character, 36)) for character in compact[4:] + compact[:4])) % 97 == 1


def _is_public(match: re.Match[str]) -> bool:
    try:
        return ipaddress.ip_address(match[0]).is_global
    except ValueError:
        return False


_DIGITS = tuple("0123456789")
_ALONE = r"(?:(?<![\w.+-])|(?<=\\[nrtbf]))"
"""Before a number: no part of a word, except the end of an escape in JSON that stands in a text."""

_AFTER = r"(?![\w-])"
PERSONAL: tuple[Rule, ...] = (
    Rule(
        "card-number", re.compile(rf"{_ALONE}(?=[3-6]|2[2-7])\d(?:[ -]?\d){{12,18}}{_AFTER}"), _DIGITS, accept=_is_card
    ),
    Rule(
        "iban",
        re.compile(rf"{_ALONE}[A-Z]{{2}}\d{{2}}(?: ?[A-Z0-9]{{4}}){{2,7}}(?: ?[A-Z0-9]{{1,3}})?(?!\w)"),
        _DIGITS,
        accept=_is_iban,
    ),
    Rule("phone", re.compile(rf"{_ALONE}(?:\+|00)[1-9](?:[ ()./-]{{0,2}}\d){{7,14}}(?!\d)"), ("+", "00")),
    Rule("phone", re.compile(rf"{_ALONE}(?:\([2-9]\d\d\)|[2-9]\d\d)[ .-][2-9]\d{{2}}[.-]\d{{4}}{_AFTER}"), _DIGITS),
    Rule("social-security", re.compile(rf"{_ALONE}(?!000|666|9)\d{{3}}-(?!00)\d\d-(?!0000)\d{{4}}{_AFTER}"), ("-",)),
    Rule("ip-address", re.compile(rf"{_ALONE}\d{{1,3}}(?:\.\d{{1,3}}){{3}}(?!\w|\.\d)"), (".",), accept=_is_public),
)
"""What identifies a person by its form alone. Names and addresses have none: they need Presidio, or are left."""


class Mask:
    """Puts `[secret:KIND]` in the place of each secret and each piece of personal data, and counts them."""

    def __init__(self, model: str = "") -> None:
        """`model` is the spaCy model with which Presidio looks too; empty: it does not.

        Raises:
            MissingExtraError: Presidio is not installed.
            CollectError: that model is not.
        """
        self.found: Counter[str] = Counter()
        self._scrubber = Scrubber(remembered(), (*RULES, *PERSONAL))
        self._analyzer = _analyzer(model) if model else None

    def row(self, row: Mapping[str, Any]) -> dict[str, Any]:
        """The row masked: texts and keys at any depth."""
        masked = dict(self._value(dict(row)))
        return self._presidio(masked) if self._analyzer else masked

    def text(self, text: str) -> str:
        """A text without secrets; nothing is counted."""
        return self._scrubber.text(text)

    def _value(self, value: Any) -> Any:
        masked, findings = self._scrubber.value(value)
        self.found.update(finding.rule.name.partition(":")[0] for finding in findings)
        return masked

    def _presidio(self, value: Any) -> Any:
        if isinstance(value, dict):
            return {name: inner if name == "id" else self._presidio(inner) for name, inner in value.items()}
        if isinstance(value, list):
            return [self._presidio(inner) for inner in value]
        if not isinstance(value, str) or self._analyzer is None:
            return value
        done = len(value) + 1
        findings = self._analyzer.analyze(value, language="en", score_threshold=SURE)
        for one in sorted(findings, key=lambda one: (-one.end, one.start)):
            if one.end <= done and "[secret:" not in value[max(0, one.start - 8) : one.end]:
                kind = one.entity_type.lower().replace("_", "-")
                value, done = f"{value[: one.start]}[secret:{kind}]{value[one.end :]}", one.start
                self.found[kind] += 1
        return value


def _analyzer(model: str) -> AnalyzerEngine:
    try:
        import spacy.util
        from presidio_analyzer import AnalyzerEngine
        from presidio_analyzer.nlp_engine import NlpEngineProvider
    except ImportError as error:
        raise MissingExtraError("presidio-analyzer", "presidio") from error
    from pathlib import Path

    if not (spacy.util.is_package(model) or Path(model).is_dir()):  # Presidio would download it
        raise CollectError(f"presidio = {model!r} is no spaCy model that is installed: install it, or name its folder")
    models = [{"lang_code": "en", "model_name": model}]
    engine = NlpEngineProvider(nlp_configuration={"nlp_engine_name": "spacy", "models": models}).create_engine()
    return AnalyzerEngine(nlp_engine=engine)
