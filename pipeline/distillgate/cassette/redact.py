"""Keep secrets out of a tape, and its recordings where their requests find them.

A request is reduced to its form without secrets before it is looked up, and so is every recorded one: a prompt with an
e-mail address finds its answer although the tape holds a mark, and a tape recorded under older rules stays valid.
"""

from __future__ import annotations

import dataclasses
from functools import cached_property
from typing import TYPE_CHECKING, Any

import orjson

from distillgate.cassette.request import Canonical
from distillgate.errors import CassetteError
from distillgate.secrets.rules import RULES, version
from distillgate.secrets.scrub import Finding, Scrubber

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from distillgate.cassette.interaction import Interaction


class Redactor:
    """Replaces what may be replaced and refuses the rest. Headers need no rule: a cassette never holds one."""

    def __init__(self, known: Mapping[str, str] | None = None) -> None:
        """`known` are the values of environment variables that are secrets, by the variables' names."""
        self._known = known
        self._all = Scrubber(known)

    @cached_property
    def _for_caller(self) -> Scrubber:
        return Scrubber(self._known, [rule for rule in RULES if not rule.returned])

    rules = version()
    """The rules that a request is reduced by."""

    def knows(self, content: bytes) -> bool:
        """Whether a value of the environment stands in a file, in any of its forms."""
        known = [rule for rule in self._all.rules if rule.name.startswith("env:")]
        held = [rule for rule in known if any(form.encode() in content for form in rule.hints)]
        text = content.decode("utf-8", errors="replace") if held else ""
        return any(rule.pattern.search(text) for rule in held)

    def request(self, asked: Canonical) -> Canonical:
        """The request in which every secret is replaced: what is looked up, stored and told of."""
        path = self._all.text(asked.path)
        body, found = self._all.value(asked.body)
        return Canonical(asked.method, path, body) if found or path != asked.path else asked

    def stored(self, interactions: Iterable[Interaction]) -> list[Interaction]:
        """Recorded interactions, each under its request as it is asked for today."""
        return [dataclasses.replace(one, request=self.request(one.request)) for one in interactions]

    def refusal(self, asked: Canonical) -> CassetteError | None:
        """Why a request must not be recorded, if so.

        A value of the environment is no more replaced here than a private key is: a replay without that environment
        would ask with the value, and could not find what is recorded under a mark.
        """
        found = self._all.value({"path": asked.path, "body": asked.body})[1]
        for finding in found:
            if finding.rule.name.startswith("env:"):
                return _refused(self.request(asked), finding, "a replay elsewhere could not match its mark")
            if not finding.rule.replaceable:
                return _refused(self.request(asked), finding, "it belongs into no recording")
        return None

    def answer(self, interaction: Interaction) -> Interaction:
        """The interaction as it is kept; its request has been reduced already.

        Raises:
            CassetteError: it holds a secret that is not to be replaced.
        """
        cleaned, found = _cleaned(self._all, interaction)
        for finding in found:
            if not finding.rule.replaceable:
                raise _refused(interaction.request, finding, "it belongs into no recording", "its answer's ")
        return cleaned

    def for_caller(self, interaction: Interaction) -> Interaction:
        """The interaction as its caller gets it while recording: what a replay will give, and names that are sent back.

        The same object where it holds no secret.
        """
        return _cleaned(self._for_caller, interaction)[0]

    def kind(self, line: bytes) -> str | None:
        """The rule of the first secret in a line of a file, be it JSON or not; None where it holds none."""
        text = line.decode("utf-8", errors="replace")
        try:
            value = orjson.loads(line)
        except orjson.JSONDecodeError:
            value = text
        found = self._all.value(value)[1]
        return found[0].rule.name if found else None

    def interaction(self, one: Interaction) -> Interaction:
        """An interaction as it is written, whoever made it; the same object where it holds no secret.

        Raises:
            CassetteError: it holds a secret that is not to be replaced.
        """
        asked = one.request
        held = {
            "request": {"path": asked.path, "body": asked.body},
            "response": {"content_type": one.content_type, "body": one.body},
            "item": one.item,
        }
        if (clean := self.clean(held)) is held:
            return one
        request = Canonical(asked.method, clean["request"]["path"], clean["request"]["body"])
        return dataclasses.replace(one, request=request, item=clean["item"], **clean["response"])

    def clean(self, held: dict[str, Any]) -> dict[str, Any]:
        """What a line of a cassette holds, secrets replaced; the same object where it holds none.

        Raises:
            CassetteError: it holds a secret that is not to be replaced.
        """
        cleaned, found = self._all.value(held)
        for finding in found:
            if not finding.rule.replaceable:
                raise CassetteError(
                    f"a line of a cassette holds a secret at {finding.place.lstrip('.')} (rule {finding.rule.name!r}); "
                    "it belongs into no recording. Nothing was written: take it out of the data and record again"
                )
        return cleaned if found else held


def _cleaned(scrubber: Scrubber, interaction: Interaction) -> tuple[Interaction, list[Finding]]:
    held = {"content_type": interaction.content_type, "body": interaction.body}
    cleaned, found = scrubber.value(held)
    return dataclasses.replace(interaction, **cleaned) if found else interaction, found


def _refused(asked: Canonical, finding: Finding, why: str, whose: str = "its ") -> CassetteError:
    return CassetteError(
        f"{asked.method} {asked.path}: {whose}{finding.place.lstrip('.')} holds a secret (rule {finding.rule.name!r}); "
        f"{why}. Nothing was written: take it out of the data, the prompt or .env and record again"
    )
