"""What is special to this repository: markers of tests that a plain run leaves out."""

import pytest

MARKERS = (
    "slow: takes long (ratios of speed, many processes); deselected unless asked for with -m slow",
    "live: needs real models (extra `local`, DISTILLGATE_MODELS); deselected unless asked for with -m live",
)


def pytest_configure(config: pytest.Config) -> None:
    """Register the markers."""
    for marker in MARKERS:
        config.addinivalue_line("markers", marker)
