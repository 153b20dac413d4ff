"""For every test: secrets of its own, certificates that are read once, and one recorded project to read or to copy."""

import functools
import ssl

import pytest

from pipeline.replay import environment

# 16 ms for each client that a test makes, and none of them speaks TLS
ssl.create_default_context = functools.cache(ssl.create_default_context)


@pytest.fixture(autouse=True)
def _secrets_of_its_own(monkeypatch):
    monkeypatch.setattr(environment, "_remembered", dict(environment._remembered))


@pytest.fixture(scope="session")
def recorded_lifecycle(tmp_path_factory):
    """A small project's lifecycle with every stage recorded; its files are not to be changed."""
    pytest.importorskip("uvicorn", reason="the loopback endpoint comes with the extra 'test'")
    from tests.endpoint import Endpoint
    from tests.projects import record_project

    return record_project(tmp_path_factory.mktemp("recorded"), Endpoint())


@pytest.fixture(scope="session")
def replayed_lifecycle(recorded_lifecycle):
    """The same project with every stage replayed."""
    from pipeline.lifecycle import Lifecycle
    from tests.projects import evaluated

    return evaluated(Lifecycle(recorded_lifecycle.settings))
