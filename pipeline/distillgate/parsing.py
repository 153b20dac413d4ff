"""TOML tables as frozen values, checked by pydantic; what is wrong in one is said in a sentence that names the key.

A value's class has the shape of its table. Types are strict: `"4"` is no number, a date stands unquoted, and an unknown
key is an error.
"""

from __future__ import annotations

import datetime
from typing import Annotated, Any, TypeVar

from pydantic import ConfigDict, Field, Strict, TypeAdapter, ValidationError, ValidationInfo, model_validator
from pydantic.dataclasses import dataclass
from pydantic_core import PydanticCustomError

from distillgate.errors import ConfigError

TABLE = "tool.distillgate"
"""Where the settings stand in `pyproject.toml`."""

SETTINGS = ConfigDict(allow_inf_nan=False, validate_by_name=True, validate_by_alias=True)
Number = Annotated[float, Strict()]
Whole = Annotated[int, Strict()]
Flag = Annotated[bool, Strict()]
Date = Annotated[datetime.date, Strict()]
Positive = Annotated[Number, Field(gt=0)]
NotNegative = Annotated[Number, Field(ge=0)]
Count = Annotated[Whole, Field(ge=1)]
T = TypeVar("T")


@dataclass(frozen=True, config=SETTINGS)
class Table:
    """A TOML table as a frozen value; `parse` makes one, and refuses keys that are none of its fields."""

    @model_validator(mode="before")
    @classmethod
    def _known_keys(cls, table: Any, info: ValidationInfo) -> Any:
        if not isinstance(table, dict):
            return table
        names = {field.validation_alias or name for name, field in cls.__pydantic_fields__.items()}  # type: ignore[attr-defined]
        valid = sorted(map(str, names - {"root", "name"}))  # where the table stands tells these two
        for key in table:
            if key not in valid:
                raise PydanticCustomError("unknown", "{key}", {"key": key, "valid": ", ".join(valid)})
        return table | (info.context or {}).get(cls, {})


def parse(kind: type[T], value: object, path: str, **given: Any) -> T:
    """`value`, which stands at the dotted `path` of `pyproject.toml`, as a `kind`; `given` are fields that it lacks.

    Raises:
        ConfigError: names the dotted key, what is wrong with it and what is valid.
    """
    try:
        return TypeAdapter(kind).validate_python(value, context={kind: given})
    except ValidationError as error:
        raise ConfigError(explain(error, path)[1]) from None


_WANTED = {
    "bool_type": "true or false",
    "date_type": "a date such as 2027-01-14",
    "finite_number": "a finite number",
    "float_type": "a number",
    "int_type": "a whole number",
    "path_type": "a string",
    "string_type": "a string",
    "string_too_short": "a string that is not empty",
    "tuple_type": "a list of strings",
    "greater_than": "above {gt:g}",
    "greater_than_equal": "at least {ge:g}",
    "less_than_equal": "at most {le:g}",
    "literal_error": "{expected}",
}
_TABLES = ("dataclass_type", "dict_type", "mapping_type")


def explain(error: ValidationError, path: str = "") -> tuple[str, str]:
    """The dotted key of what is wrong, and a sentence about it: of several errors the outermost."""
    one = min(error.errors(), key=lambda one: len(one["loc"]))
    kind, value, details = one["type"], one["input"], one.get("ctx", {})
    steps = [f'"{step}"' if "." in str(step) else str(step) for step in one["loc"]]
    key = ".".join([*([path] if path else []), *steps])
    if kind == "unknown":
        return (key := f"{key}.{details['key']}".lstrip(".")), f"{key} is unknown; valid: {details['valid']}"
    if kind == "missing":
        return key, f"{key} is missing"
    if kind in _TABLES:
        return key, f"[{key}] must be a table, is {value!r}"
    if kind == "value_error":
        shown = f" = {value!r}" if isinstance(value, str | int | float) else ""
        return key, f"{key}{shown} {details['error']}"
    wanted = _WANTED[kind].format(**details) if kind in _WANTED else f"valid ({one['msg']})"
    return key, f"{key} must be {wanted}, is {value!r}"
