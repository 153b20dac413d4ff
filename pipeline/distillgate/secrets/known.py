"""Nothing secret leaves the process: what is shown or written goes through here, the environment's values included."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import lru_cache
from urllib.parse import urlsplit

from distillgate.secrets.scrub import SHORTEST, Scrubber

SHORTEST_UNNAMED = 8
"""`SHORTEST` for a value whose variable's name does not say that it is a secret."""

_remembered: dict[str, str] = {}
_TELLING_NAME = re.compile(
    r"(?:^|_)(?:(?:API|ACCESS)?KEY|TOKEN|SECRET|PASS(?:WORD|WD|PHRASE)?|PWD|CREDENTIAL|AUTH|COOKIE|SESSION|DSN|PRIVATE)S?(?:_|$)",
    re.IGNORECASE,
)


def remember(values: Mapping[str, str | None], public: str = "") -> None:
    """From now on `scrubbed` takes these values of environment variables for secrets, those that can be ones.

    Another value of the same variable stays one, as `NAME.2`: `.env` and the environment may differ.
    A value is a secret if its variable is called like one (`…_KEY`, `PASSWORD`), or if it is no plain word, number or
    URL and does not stand in the text `public`.
    """
    for name, value in values.items():
        if value and _is_secret(name, value, public) and value not in _remembered.values():
            others = sum(known.partition(".")[0] == name for known in _remembered)
            _remembered[f"{name}.{others + 1}" if others else name] = value


def remembered() -> dict[str, str]:
    """Every value that `remember` took, by the name of its variable."""
    return dict(_remembered)


def scrubbed(text: str) -> str:
    """`text` as it may be shown and written: each secret replaced by `[secret:KIND]`.

    The one door for terminal, reports and files; tapes go through `distillgate.cassette.redact` as well, which keeps
    requests and their recordings alike.
    """
    return _scrubber(tuple(_remembered.items())).text(text)


@lru_cache(maxsize=1)
def _scrubber(known: tuple[tuple[str, str], ...]) -> Scrubber:
    return Scrubber(dict(known))


def _is_secret(name: str, value: str, public: str) -> bool:
    if name.startswith("DISTILLGATE_"):
        return False
    if _TELLING_NAME.search(name):
        return len(value) >= SHORTEST
    url = urlsplit(value) if "://" in value else None
    plain = value.isalpha() if url is None else not (url.username or url.password or url.query)
    return len(value) >= SHORTEST_UNNAMED and not plain and value not in public
