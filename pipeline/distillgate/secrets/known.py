"""Nothing secret leaves the process: what is shown or written goes through here, the environment's values included."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from urllib.parse import urlsplit

from distillgate.secrets.rules import RULES
from distillgate.secrets.scrub import SHORT, SHORTEST, Scrubber
from distillgate.secrets.shape import UNGUESSABLE

TOLD = 6
"""Characters from which a value is a secret for its variable's name alone."""

_remembered: dict[str, str] = {}
_TELLING_NAME = re.compile(
    r"(?:^|_)(?:(?:API|ACCESS)?KEY|PASS|PWD|PIN|OTP|CREDENTIAL|AUTH|COOKIE|SESSION|DSN|PRIVATE)S?(?:_|$)|"
    r"(?:TOKEN|SECRET|PASSWORD|PASSWD|PASSCODE|PASSPHRASE|APIKEY|WEBHOOK(?:_?URL)?)S?(?:_|$)",
    re.IGNORECASE,
)
_NAME_OF_ONE = re.compile(r"(?:PASS|PWD|PIN|OTP|PASSWORD|PASSWD|PASSCODE|SECRET|TOKEN|(?:^|_|API)KEY)$", re.IGNORECASE)
"""How the name of a variable ends that holds a secret and not something that is told of one, as `MAX_TOKENS` does."""

_NUMBERS = re.compile(r"\d+(?:[.:/-]\d+)+")
"""A decimal fraction, a date, an address, a port."""


def remember(values: Mapping[str, str | None], public: str = "") -> None:
    """From now on `scrubbed` takes these values of environment variables for secrets, those that can be ones.

    Another value of the same variable stays one, as `NAME.2`: `.env` and the environment may differ. A value is a
    secret

    - from `SHORT` characters on, unless it is a plain word, a number with a point, an address, a date, a file, or a URL
      with neither login nor query nor a path that cannot be guessed, or it stands in the text `public`;
    - from 6 characters on, if its variable is called like one (`…_KEY`, `AUTH_…`) and it is no number;
    - from 4 characters on, if its variable's name ends so (`PGPASSWORD`, `PIN`) and it is no plain word.
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


def without_known(text: str) -> str:
    """`text` without the values that `remember` took, whatever else in it looks like a secret.

    For what is not ours, as the failure of a test that has nothing to do with a distillation.
    """
    return _scrubber(tuple(_remembered.items()), others=False).text(text) if _remembered else text


@lru_cache(maxsize=2)
def _scrubber(known: tuple[tuple[str, str], ...], others: bool = True) -> Scrubber:
    return Scrubber(dict(known), RULES if others else ())


def _is_secret(name: str, value: str, public: str) -> bool:
    if name.startswith("DISTILLGATE_") or len(value) < SHORTEST:
        return False
    if _NAME_OF_ONE.search(name) and not (value.isalpha() and len(value) < TOLD):
        return True
    if _TELLING_NAME.search(name) and len(value) >= TOLD and not value.isdigit():
        return True
    if len(value) < SHORT or value in public:
        return False
    url = urlsplit(value) if "://" in value else None
    if url is not None:
        return bool(url.username or url.password or url.query or UNGUESSABLE.search(url.path))
    return not (value.isalpha() or _NUMBERS.fullmatch(value) or _is_file(value))


def _is_file(value: str) -> bool:
    try:
        return "/" in value and Path(value).exists()
    except (OSError, ValueError):
        return False
