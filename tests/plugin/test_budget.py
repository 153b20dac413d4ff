"""`--distill-max-cost` stops a recording before the call that would exceed it; nothing that was paid for is lost."""

import pytest

from tests.endpoint import Endpoint

PRICED = 'student = { model = "openai/student", max_tokens = 100, price = { input = 0.0, output = 100.0 } }'


@pytest.fixture
def endpoint(serve, settings):
    settings("machine_usd_per_hour = 0.1\n", "")
    settings("num_threads = 2", "num_threads = 1")
    settings('student = { model = "openai/student" }', PRICED)
    return serve(Endpoint())


def record(project, *options):
    """A call costs $0.004 and may cost up to $0.01."""
    return project.runpytest("--distill-record=student", "-m", "student", *options)


def test_it_stops_before_the_call_that_would_exceed_it(project, endpoint):
    result = record(project, "--distill-max-cost", "0.03")
    result.assert_outcomes(errors=1, deselected=5)
    result.stdout.fnmatch_lines(["the budget of $0.0300 is used up: $0.0240 spent in this run, and the next call of *"])
    assert endpoint.requests.total() == 6


def test_the_same_command_goes_on_and_pays_for_nothing_twice(project, endpoint):
    for _ in range(2):
        result = record(project, "--distill-max-cost", "0.035")
    result.assert_outcomes(passed=1, deselected=5)
    assert endpoint.requests.total() == 12


def test_calls_in_flight_count_at_what_they_may_cost(project, endpoint, settings):
    settings("num_threads = 1", "num_threads = 4")
    record(project, "--distill-max-cost", "0.03")
    assert endpoint.requests.total() <= 6


def test_the_settings_give_the_default(project, endpoint, settings):
    settings('profile = "loopback"', 'profile = "loopback"\nmax_cost = 0.02')
    result = record(project)
    result.stdout.fnmatch_lines(["budget: $0.0200; *", "the budget of $0.0200 is used up*"])


def test_an_unknown_price_is_an_error_before_the_first_call(project, endpoint, settings):
    settings(PRICED, 'student = { model = "openai/student" }')
    result = record(project, "--distill-max-cost", "1")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(
        ["*a budget (--distill-max-cost) cannot be kept: no price is known for 'student'. Give *"]
    )
    assert endpoint.requests.total() == 0


@pytest.mark.parametrize("amount", ["0", "-1", "nan", "much"])
def test_an_amount_that_bounds_nothing_is_refused(project, amount):
    result = project.runpytest("--distill-record=student", f"--distill-max-cost={amount}")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(["*--distill-max-cost*"])
