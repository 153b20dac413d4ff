"""A model's announced end is read from its endpoint while recording, and said by the checks."""

import datetime

import pytest

pytest.importorskip("uvicorn", reason="the loopback endpoint comes with the extra 'test'")
from distillgate.checks.profile import check_files
from distillgate.config import load_config
from distillgate.profiles import ModelSpec
from distillgate.run.announcements import announced
from distillgate.run.lifecycle import Lifecycle
from starlette.responses import JSONResponse, Response

from tests.endpoint import Endpoint, served
from tests.projects import write_project


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
    assert announced(ModelSpec("openai/teacher", api_base=endpoint.url), "key") == day


def test_an_endpoint_that_is_not_there_names_none():
    assert announced(ModelSpec("openai/teacher", api_base="http://127.0.0.1:9/v1"), "key") is None


def test_a_provider_without_a_base_url_is_not_asked():
    assert announced(ModelSpec("anthropic/claude"), "key") is None


@pytest.mark.parametrize(("today", "said"), [((2026, 12, 1), 1), ((2026, 6, 1), 0)], ids=["soon", "far"])
def test_what_was_announced_while_recording_is_said_by_the_checks(tmp_path, today, said):
    with served(Endpoint()) as endpoint:
        endpoint.retires["student"] = "2027-01-14"
        write_project(tmp_path, endpoint.url)
        lifecycle = Lifecycle(load_config(tmp_path), record=("student",))
        lifecycle.scorecard("student")
    assert lifecycle.headers["student"]["retires"] == {"openai/student": "2027-01-14"}
    found = check_files(load_config(tmp_path), "news", datetime.date(*today))
    notices = [finding for finding in found if finding.kind == "retirement"]
    assert len(notices) == said
    assert all("openai/student is to be shut down on 2027-01-14" in finding.message for finding in notices)
