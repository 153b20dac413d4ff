"""What whoever watches a recording is told: each request before it is sent, and what became of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from distillgate.cassette.lines import Interaction
    from distillgate.cassette.request import Canonical
    from distillgate.errors import DistillgateError


class Watch:
    """Lets everything pass. The tape calls it under its lock, with requests that no recording answers."""

    def departs(self, asked: Canonical) -> None:
        """A request is about to be sent.

        Raises:
            DistillgateError: it must not be; nothing more is sent by this recording.
        """

    def judged(self, answer: Interaction, response: dict[str, Any]) -> Interaction:
        """The answer, or the error that it amounts to, which `response` must then hold as well."""
        return answer

    def arrives(self, asked: Canonical, answer: Interaction, response: dict[str, Any]) -> DistillgateError | None:
        """An answer came, an error of the endpoint included; returns why nothing more is to be sent, if so.

        `response` is the answer in vcrpy's form, as the caller will get it: headers can be read and added there.
        """
        return None

    def lost(self, asked: Canonical) -> None:
        """A request that was sent brought no answer."""


UNWATCHED = Watch()
