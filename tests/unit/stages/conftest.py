"""DSPy as a stage finds it, and one server for the endpoints of all tests."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from distillgate.stages.runtime import prepared

from tests.unit.stages.canned import task


@pytest.fixture(autouse=True)
def within_a_stage() -> Iterator[None]:
    """The settings that the lifecycle gives to every stage."""
    with prepared(task()):
        yield


@pytest.fixture(scope="session")
def connect() -> Iterator[Callable[[Any], Any]]:
    """`connect(endpoint)` gives the endpoint a URL, which it keeps, and returns it."""
    pytest.importorskip("uvicorn", reason="the loopback endpoint comes with the extra 'test'")
    from tests.endpoint import served
    from tests.unit.stages.endpoints import Exchange

    with served(Exchange()) as exchange:
        yield exchange.connect
