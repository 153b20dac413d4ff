"""For every test: what another one made known as a secret is forgotten."""

import pytest

from pipeline.replay import environment


@pytest.fixture(autouse=True)
def _secrets_of_its_own(monkeypatch):
    monkeypatch.setattr(environment, "_remembered", dict(environment._remembered))
