"""What the models were asked for each item and what they answered, read from the tapes."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path

from distillgate.cassette.dialects import messages, said
from distillgate.cassette.format import numbered
from distillgate.cassette.interaction import call_of
from distillgate.errors import CassetteError
from distillgate.report.run import Conversation

SHOWN = ("program", "metric")
"""Purposes of the calls that an item's result rests on."""


def conversations(tape: Path) -> Mapping[str, Sequence[Conversation]]:
    """Item id → its calls in the order of the tape; empty where the tape is absent or damaged."""
    found = defaultdict[str, list[Conversation]](list)
    try:
        for line, one in numbered(tape):
            call = call_of(one) if one.item and one.purpose in SHOWN else None
            if call is not None:
                asked = tuple(messages(one.request.body))
                found[one.item].append(Conversation(call, asked, said(one.body) if asked else "", line))
    except CassetteError:
        return {}
    return dict(found)
