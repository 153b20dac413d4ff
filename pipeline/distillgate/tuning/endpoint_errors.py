"""Which errors of an endpoint no second attempt mends, and what does."""

from __future__ import annotations

import datetime
import email.utils
import re
from collections.abc import Mapping
from typing import Any

QUOTA = {"insufficient_quota", "billing_hard_limit_reached", "exceeded_current_quota_error", "billing_not_active"}
"""Codes and types under which endpoints say 429 and mean that the money is gone."""

PASSING = {408, 409, 425, 429}
"""Statuses below 500 that another attempt may not meet again; so may every one from 500 on."""

PATIENCE = 120.0
"""Seconds that an endpoint may ask to wait between two attempts; past that a person decides."""

_REMEDIES = {
    400: "The request itself is refused: check the settings of the model and of its tuning in {table}",
    401: "Put a valid key into {key}",
    402: "Add credit to the account, or use another key in {key}",
    403: "Give the key in {key} access to the model and its API, or name another model in {table}",
    404: "Check that model and api_base in {table} are names that the endpoint knows",
    413: "The request is too large for the endpoint: shorten the data, or choose another model in {table}",
}


def message_of(body: Any) -> str:
    """The provider's own words in an error's body; empty where it has none."""
    error = body.get("error", body) if isinstance(body, Mapping) else body
    if isinstance(error, Mapping):
        error = error.get("message") or error.get("text") or ""
    return str(error or "")[:500]


def remedy(status: int, body: Any, key: str, table: str) -> str:
    """What mends an error, as a sentence; `key` names the key's variable, `table` the profile's table."""
    if _quota(body):
        status = 402
    if status in (400, 403, 404, 410) and _tunes_no_more(message_of(body)):
        return (
            "The endpoint takes no fine-tuning jobs for this model (OpenAI takes none from 6 January 2027, of many "
            f"accounts none already): name a student in {table} that another endpoint tunes, such as distillgate serve"
        )
    if status in PASSING or status >= 500:
        return "The endpoint failed at every attempt: run the same command again later"
    return _REMEDIES.get(status, _REMEDIES[400]).format(key=key or "the endpoint's settings", table=table)


def lasting(status: int, body: Any) -> bool:
    """Whether the same request would fail again, whenever it is made."""
    return 400 <= status < 500 and (status not in PASSING or _quota(body))


def wait_asked(headers: Mapping[str, list[str]]) -> float | None:
    """Seconds that `Retry-After` (or `retry-after-ms`) asks to wait, from headers in lists; None where it does not."""
    return wait_asked_of({name: values[0] for name, values in headers.items() if values})


def wait_asked_of(headers: Mapping[str, str]) -> float | None:
    """The same from headers of one value each."""
    for name, value in headers.items():
        try:
            if name.lower() == "retry-after-ms":
                return float(value) / 1000
            if name.lower() == "retry-after":
                if value.replace(".", "", 1).isdigit():
                    return float(value)
                then = email.utils.parsedate_to_datetime(value)
                return max(0.0, (then - datetime.datetime.now(datetime.UTC)).total_seconds())
        except (TypeError, ValueError):
            continue
    return None


def _tunes_no_more(said: str) -> bool:
    """Whether a refusal is about tuning itself, so that no other request would be taken either."""
    ended = r"deprecat|no longer|not (available|supported|allowed|permitted|accept)|unavailable|sunset|shut"
    return bool(re.search("fine.?tun", said, re.IGNORECASE) and re.search(ended, said, re.IGNORECASE))


def _quota(body: Any) -> bool:
    error = body.get("error") if isinstance(body, Mapping) else None
    return isinstance(error, Mapping) and bool({str(error.get("code")), str(error.get("type"))} & QUOTA)
