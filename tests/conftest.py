"""For every test: its own secrets, what is slow and always the same done once, one recorded project to read or copy."""

import copy
import functools
import ssl

import pytest
from distillgate.secrets import known as environment
from dspy.clients import capabilities, costs

# 16 ms for each client that a test makes, and none of them speaks TLS
ssl.create_default_context = functools.cache(ssl.create_default_context)

# 0.3 ms, twice a call: DSPy searches its whole price list for a model that it does not know
_found = functools.cache(costs.model_info)


def _model_info(provider, model, *, namespaces=None):
    return copy.deepcopy(_found(provider, model, namespaces=None if namespaces is None else tuple(namespaces)))


costs.model_info = capabilities.model_info = _model_info


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
    from distillgate.run.lifecycle import Lifecycle

    from tests.projects import evaluated

    return evaluated(Lifecycle(recorded_lifecycle.config))
