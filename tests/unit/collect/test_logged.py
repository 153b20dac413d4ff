import pytest
from distillgate.collect.logged import at, seconds


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (1_767_225_600, 1_767_225_600.0),
        (1_767_225_600.5, 1_767_225_600.5),
        (1_767_225_600_000, 1_767_225_600.0),
        (1_767_225_600_000_000, 1_767_225_600.0),
        ("1767225600000000000", 1_767_225_600.0),
        ("2026-01-01T00:00:00Z", 1_767_225_600.0),
        ("2026-01-01T01:00:00+01:00", 1_767_225_600.0),
        ("2026-01-01 00:00:00.500000", 1_767_225_600.5),
        ("yesterday", None),
        ("", None),
        (None, None),
        (True, None),
        (0, None),
        (-5, None),
    ],
)
def test_times_are_seconds_since_1970(value, expected):
    assert seconds(value) == expected


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("a", {"b.c": 1, "b": {"d": [{"e": 2}]}}),
        ("a.b.c", 1),
        ("a.b.d.0.e", 2),
        ("a.b.d.1.e", None),
        ("a.x", None),
        ("f.g", 3),
        ("f.g.h", None),
    ],
)
def test_a_path_goes_through_names_that_hold_dots(path, expected):
    assert at({"a": {"b.c": 1, "b": {"d": [{"e": 2}]}}, "f.g": 3}, path) == expected
