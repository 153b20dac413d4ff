"""Typed reading of a TOML table: each reader takes its own type only, and unread keys are an error."""

import datetime

import pytest
from distillgate.errors import ConfigError
from distillgate.tables import Table

DAY = datetime.date(2027, 1, 14)


@pytest.mark.parametrize(
    ("reader", "value", "read"),
    [
        pytest.param("text", "words", "words", id="text"),
        pytest.param("text", "", "", id="empty-text"),
        pytest.param("number", 0.25, 0.25, id="number"),
        pytest.param("number", 3, 3.0, id="whole-number-as-number"),
        pytest.param("integer", 3, 3, id="integer"),
        pytest.param("integer", 0, 0, id="zero"),
        pytest.param("date", DAY, DAY, id="date"),
        pytest.param("raw", [1, {"a": 2}], [1, {"a": 2}], id="raw"),
    ],
)
def test_a_reader_returns_a_value_of_its_type(reader, value, read):
    found = getattr(Table({"key": value}, "tool.x"), reader)("key")
    assert (found, type(found)) == (read, type(read))


@pytest.mark.parametrize(
    ("reader", "value", "wanted"),
    [
        pytest.param("text", 3, "a string", id="text-from-number"),
        pytest.param("text", ["a"], "a string", id="text-from-list"),
        pytest.param("number", "3", "a number", id="number-from-text"),
        pytest.param("number", True, "a number", id="number-from-truth"),
        pytest.param("integer", 3.0, "a whole number", id="integer-from-fraction"),
        pytest.param("integer", False, "a whole number", id="integer-from-truth"),
        pytest.param("date", "2027-01-14", "a date such as 2027-01-14", id="date-from-text"),
        pytest.param(
            "date",
            datetime.datetime(2027, 1, 14, tzinfo=datetime.UTC),
            "a date such as 2027-01-14",
            id="date-from-date-and-time",
        ),
    ],
)
def test_another_type_is_an_error_naming_key_type_and_value(reader, value, wanted):
    with pytest.raises(ConfigError) as caught:
        getattr(Table({"key": value}, "tool.x"), reader)("key")
    assert str(caught.value) == f"tool.x.key must be {wanted}, is {value!r}"


@pytest.mark.parametrize("reader", ["text", "number", "integer", "date", "raw"])
def test_an_absent_key_without_default_is_an_error_naming_it(reader):
    with pytest.raises(ConfigError, match=r"^tool\.x\.key is missing$"):
        getattr(Table({}, "tool.x"), reader)("key")


@pytest.mark.parametrize(
    ("reader", "default"), [("text", "a"), ("text", None), ("number", 2.0), ("integer", 9), ("date", None), ("raw", {})]
)
def test_an_absent_key_takes_the_default(reader, default):
    assert getattr(Table({}, "tool.x"), reader)("key", default) == default


def test_a_default_does_not_excuse_a_wrong_type():
    with pytest.raises(ConfigError, match="must be a string"):
        Table({"key": 3}, "tool.x").text("key", None)


def test_names_stand_in_the_order_of_the_file():
    assert Table({"b": 1, "a": 2}, "tool.x").names() == ["b", "a"]


def test_an_absent_sub_table_is_empty():
    assert Table({}, "tool.x").table("inner").names() == []


def test_a_key_of_a_sub_table_is_named_with_its_whole_path():
    with pytest.raises(ConfigError, match=r"^tool\.x\.inner\.key is missing$"):
        Table({"inner": {}}, "tool.x").table("inner").text("key")


@pytest.mark.parametrize("value", [3, "text", [1]])
def test_a_value_where_a_table_belongs_is_an_error_naming_its_path(value):
    with pytest.raises(ConfigError, match=r"^\[tool\.x\.inner\] must be a table, is "):
        Table({"inner": value}, "tool.x").table("inner")


def test_a_table_of_which_every_key_was_read_is_done():
    table = Table({"a": 1, "inner": {}}, "tool.x")
    table.integer("a")
    table.table("inner")
    table.done()


def test_an_unread_key_is_unknown_and_what_was_asked_for_is_valid():
    table = Table({"b": 1, "typo": 2}, "tool.x")
    table.integer("b")
    table.text("a", None)
    with pytest.raises(ConfigError, match=r"^tool\.x\.typo is unknown; valid: a, b$"):
        table.done()
