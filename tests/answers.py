"""What the loopback endpoint's models say, from fixed rules."""

from __future__ import annotations

import json
import re
from typing import Any

HINTS = {
    "politics": "minister|parliament|council|vote|mayor|senate|party|treaty|law",
    "technology": "robot|software|sensor|code|chip|engineer|firmware|battery",
    "sports": "goal|match|race|coach|league|won|cup|team",
    "health": "patient|clinic|hospital|doctor|disease|nurse|surgeon",
    "finance": "shares|bank|loan|bond|profit|price|million|creditors",
    "entertainment": "film|song|album|stage|singer|actor|novel|festival",
}


def answer(body: Any) -> str:
    """What the endpoint's models say to a chat request, from fixed rules."""
    last = body["messages"][-1]["content"]
    if "[[ ## category ## ]]" not in last:
        fields = re.findall(r"`\[\[ ## (\w+) ## \]\]`", last)
        return "\n\n".join(f"[[ ## {name} ## ]]\nLook at the main statement." for name in dict.fromkeys(fields))
    if not body["model"].startswith(("ft:", "teacher")):
        return "I would say that this is news."
    article = last.split("[[ ## article ## ]]")[1].split("Respond with")[0].strip()
    scores = {label: len(re.findall(words, article, re.IGNORECASE)) for label, words in HINTS.items()}
    label = max(scores, key=lambda name: scores[name])
    names = re.findall(r"(?<!^)(?<!\. )\b[A-Z]\w+(?: [A-Z]\w+)*", article) or ["Nobody"]
    return (
        "[[ ## reasoning ## ]]\nThe main statement says so.\n\n"
        f"[[ ## category ## ]]\n{label}\n\n[[ ## entities ## ]]\n{json.dumps(names[:3])}\n\n"
        "[[ ## summary ## ]]\nSomething happened.\n\n[[ ## completed ## ]]"
    )
