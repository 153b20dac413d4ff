"""Typed access to a TOML table, so that a typo in it is an error that names the key."""

from __future__ import annotations

import datetime
from collections.abc import Mapping
from typing import Any, TypeVar, overload

from distillgate.errors import ConfigError

_REQUIRED: Any = object()
T = TypeVar("T")


class Table:
    """A view of one TOML table that remembers which keys were read."""

    def __init__(self, values: object, path: str) -> None:
        """Wrap `values`, which stands at the dotted `path` of the file."""
        if not isinstance(values, Mapping):
            raise ConfigError(f"[{path}] must be a table, is {values!r}")
        self.path = path
        self._values: Mapping[str, Any] = values
        self._read: set[str] = set()

    def names(self) -> list[str]:
        """The table's keys, in the order of the file."""
        return list(self._values)

    def table(self, key: str) -> Table:
        """A sub-table; empty where it is absent."""
        return Table(self.raw(key, {}), f"{self.path}.{key}")

    def mapping(self, key: str) -> Mapping[str, Any]:
        """A sub-table whose keys are for somebody else to check; empty where it is absent."""
        return self.table(key)._values

    def raw(self, key: str, default: Any = _REQUIRED) -> Any:
        """The value as it stands.

        Raises:
            ConfigError: the key is absent and there is no default.
        """
        self._read.add(key)
        if key in self._values:
            return self._values[key]
        if default is _REQUIRED:
            raise ConfigError(f"{self.path}.{key} is missing")
        return default

    @overload
    def text(self, key: str, default: str = ...) -> str: ...
    @overload
    def text(self, key: str, default: None) -> str | None: ...
    @overload
    def text(self, key: str, default: str | None) -> str | None: ...
    def text(self, key: str, default: Any = _REQUIRED) -> Any:
        """A string."""
        return self._typed(key, default, "a string", str)

    @overload
    def number(self, key: str, default: float = ...) -> float: ...
    @overload
    def number(self, key: str, default: None) -> float | None: ...
    def number(self, key: str, default: Any = _REQUIRED) -> Any:
        """A number; whole numbers are fine."""
        value = self._typed(key, default, "a number", int, float)
        return value if value is None else float(value)

    def integer(self, key: str, default: int = _REQUIRED) -> int:
        """A whole number."""
        value: int = self._typed(key, default, "a whole number", int)
        return value

    def flag(self, key: str, default: bool) -> bool:
        """true or false."""
        value = self.raw(key, default)
        if not isinstance(value, bool):
            raise ConfigError(f"{self.path}.{key} must be true or false, is {value!r}")
        return value

    def texts(self, key: str) -> list[str]:
        """A list of strings; empty where it is absent."""
        value = self.raw(key, [])
        if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
            raise ConfigError(f"{self.path}.{key} must be a list of strings, is {value!r}")
        return value

    def date(self, key: str, default: datetime.date | None = _REQUIRED) -> datetime.date | None:
        """A TOML date, unquoted."""
        wanted = "a date such as 2027-01-14"
        value: datetime.date | None = self._typed(key, default, wanted, datetime.date)
        if isinstance(value, datetime.datetime):  # a date to isinstance, but it compares with none
            raise ConfigError(f"{self.path}.{key} must be {wanted}, is {value!r}")
        return value

    def done(self) -> None:
        """Complain about keys that nobody asked for.

        Raises:
            ConfigError: names the unknown key and the valid ones.
        """
        if unknown := [key for key in self._values if key not in self._read]:
            raise ConfigError(f"{self.path}.{unknown[0]} is unknown; valid: {', '.join(sorted(self._read))}")

    def _typed(self, key: str, default: Any, wanted: str, *types: type) -> Any:
        value = self.raw(key, default)
        if value is default:
            return value
        if not isinstance(value, types) or isinstance(value, bool):
            raise ConfigError(f"{self.path}.{key} must be {wanted}, is {value!r}")
        return value
