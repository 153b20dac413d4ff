"""A request as a tape looks it up; each is reduced once, although a stub comes with it twice."""

from __future__ import annotations

import threading

from vcr.request import Request

from distillgate.cassette.index import Index
from distillgate.cassette.redact import Redactor
from distillgate.cassette.request import Canonical, canonical


class Asking:
    """Reduces requests to what is looked up: without secrets, and with their key in the index."""

    def __init__(self, redactor: Redactor, index: Index) -> None:
        """Both are the tape's."""
        self._redactor = redactor
        self._index = index
        self._last = threading.local()

    def __call__(self, request: Request) -> tuple[Canonical, bytes]:
        """The request and its key.

        What the tape holds to the byte holds no secret, because the tape does not; only other requests are searched.
        """
        last: tuple[Request, tuple[Canonical, bytes]] | None = getattr(self._last, "asked", None)
        if last is None or last[0] is not request:
            asked = canonical(request)
            key = self._index.key(asked)
            if key not in self._index and (clean := self._redactor.request(asked)) is not asked:
                asked, key = clean, self._index.key(clean)
            last = self._last.asked = (request, (asked, key))
        return last[1]
