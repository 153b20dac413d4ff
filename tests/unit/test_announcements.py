"""A model's announced end is read from its endpoint while recording, and said by the checks."""

import datetime

import pytest

pytest.importorskip("uvicorn", reason="the loopback endpoint comes with the extra 'test'")
from distillgate.config import Model
from distillgate.run.announcements import announced
from starlette.responses import JSONResponse, Response

from tests.endpoint import Endpoint, served


class Told(Endpoint):
    """Says what it is told to of every model."""

    told = JSONResponse({})

    async def _model(self, request):
        return self.told


@pytest.fixture(scope="module")
def endpoint():
    with served(Told()) as running:
        yield running


@pytest.mark.parametrize(
    ("told", "day"),
    [
        pytest.param(JSONResponse({"deprecation": "2027-01-14T00:00:00Z"}), datetime.date(2027, 1, 14), id="time"),
        pytest.param(JSONResponse({"shutdown_date": "2027-01-14"}), datetime.date(2027, 1, 14), id="date"),
        pytest.param(JSONResponse({"expiration_date": 1799884800}), datetime.date(2027, 1, 14), id="seconds"),
        pytest.param(JSONResponse({"deprecation": None, "id": "a"}), None, id="none"),
        pytest.param(JSONResponse({"deprecation": "soon"}), None, id="no-date"),
        pytest.param(JSONResponse({"deprecation": "2027-01-14"}, 404), None, id="not-found"),
        pytest.param(JSONResponse([1]), None, id="list"),
        pytest.param(Response("<html>"), None, id="no-json"),
    ],
)
def test_the_day_is_what_the_endpoint_names(endpoint, told, day):
    endpoint.told = told
    assert announced(Model("openai/teacher", api_base=endpoint.url), "key") == day


def test_an_endpoint_that_is_not_there_names_none():
    assert announced(Model("openai/teacher", api_base="http://127.0.0.1:9/v1"), "key") is None


def test_a_provider_without_a_base_url_is_not_asked():
    assert announced(Model("anthropic/claude"), "key") is None
