"""Which errors of an endpoint pass, and what mends the others."""

import datetime
import email.utils

import pytest
from distillgate.tuning.endpoint_errors import lasting, message_of, remedy, wait_asked


def error(**fields):
    return {"error": {"message": "no", **fields}}


@pytest.mark.parametrize("status", [408, 409, 425, 429, 500, 502, 503, 504])
def test_an_error_that_may_pass_is_not_lasting(status):
    assert not lasting(status, error())


@pytest.mark.parametrize("status", [400, 401, 402, 403, 404, 413, 415, 422])
def test_an_error_of_the_request_itself_is(status):
    assert lasting(status, error())


@pytest.mark.parametrize("body", [error(code="insufficient_quota"), error(type="insufficient_quota")])
def test_a_429_that_means_money_is(body):
    assert lasting(429, body)
    assert remedy(429, body, "KEY", "[table]").startswith("Add credit to the account, or use another key in KEY")


@pytest.mark.parametrize(
    "message",
    [
        "Fine-tuning is no longer available for this organization",
        "Model gpt-4o-mini is deprecated and not available for fine-tuning",
        "New finetuning jobs are not accepted",
    ],
)
def test_a_provider_that_tunes_no_more_asks_for_another_endpoint(message):
    assert "another endpoint tunes" in remedy(403, error() | {"error": {"message": message}}, "KEY", "[table]")


@pytest.mark.parametrize(
    "message", ["The model does not exist", "training file has 3 examples, but fine-tuning needs 10"]
)
def test_other_refusals_do_not(message):
    assert "another endpoint tunes" not in remedy(404, {"error": {"message": message}}, "KEY", "[table]")


@pytest.mark.parametrize(
    ("body", "message"),
    [(error(), "no"), ({"error": "no"}, "no"), ({"message": "no"}, "no"), ({"text": "no"}, "no"), (None, ""), ([], "")],
)
def test_the_providers_words_are_found_in_any_form(body, message):
    assert message_of(body) == message


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"Retry-After": ["7"]}, 7.0),
        ({"retry-after-ms": ["1500"]}, 1.5),
        ({"retry-after": ["soon"]}, None),
        ({"retry-after": []}, None),
        ({}, None),
    ],
)
def test_the_wait_that_is_asked_for_is_read(headers, seconds):
    assert wait_asked(headers) == seconds


def test_a_date_to_wait_for_is_read_as_seconds_from_now():
    later = datetime.datetime.now(datetime.UTC) + datetime.timedelta(seconds=90)
    assert wait_asked({"retry-after": [email.utils.format_datetime(later)]}) == pytest.approx(90, abs=5)
