"""What stages cost, what an item costs, and when a distillation has paid for itself."""

import itertools
import math

import pytest
from distillgate.calls import Call
from distillgate.errors import NotMeasuredError, PriceError
from distillgate.models import Model, Price
from distillgate.money.ledger import Economics, Ledger
from distillgate.money.prices import token_dollars
from distillgate.profiles import Profile
from distillgate.recipes import FineTuning, Student
from distillgate.stages.spec import STUDENT, TEACHER, Graph, Stage
from distillgate.tuning import TuningReport

GPT_4O = "gpt-4o-2024-08-06"
TUNED = "ft:gpt-4o-mini-2024-07-18:org::abc"
ITEMS = itertools.count()


def stage(name, *needs, **declared):
    return Stage(name, name, lambda context: None, needs=needs, **declared)


GRAPH = Graph(
    [
        stage("search", one_off=True),
        stage("other", one_off=True),
        stage("big", "search", evaluates=True, stands_for=TEACHER),
        stage("tune", "search", one_off=True, tunes=True),
        stage("small", "tune", evaluates=True, stands_for=STUDENT),
    ]
)


def call(model=GPT_4O, prompt=500, completion=100, seconds=2.0, in_flight=1, **more):
    return Call(model, prompt, completion, seconds, in_flight, **({"item": f"item-{next(ITEMS)}"} | more))


def ledger(*calls, items=None, price=None, hourly=None, student="openai/little"):
    """A ledger of one stage, `small`; each call is of an item of its own unless it says otherwise."""
    made = Ledger(Profile("p", Model("openai/big"), Student(student, price=price), machine_usd_per_hour=hourly), GRAPH)
    made.add("small", calls, len(calls) if items is None else items)
    return made


def test_calls_of_a_stage_add_up():
    cost = ledger(call(), call(prompt=300, completion=50, seconds=3.0, in_flight=2)).stage("small")
    assert (cost.calls, cost.prompt_tokens, cost.completion_tokens) == (2, 800, 150)
    assert cost.dollars == pytest.approx(0.00225 + 0.00125)


def test_a_call_counts_its_cached_tokens():
    found = call(prompt=2000, cached_tokens=1000)
    assert ledger(found).stage("small").dollars == pytest.approx(token_dollars(GPT_4O, 2000, 100, None, 1000))


def test_a_stages_seconds_are_shared_among_the_calls_in_flight():
    assert ledger(call(seconds=2.0), call(seconds=3.0, in_flight=2)).stage("small").seconds == pytest.approx(3.5)


def test_an_answer_that_the_tape_gives_again_was_paid_once():
    made = ledger(call(item="a"), call(item="a", repeated=True), call(item="b"))
    assert (made.stage("small").calls, made.stage("small").dollars) == (2, pytest.approx(2 * 0.00225))
    assert made.entries()["small"] == made.stage("small")


def test_cost_per_1000_is_that_of_a_thousand_mean_items():
    cost = ledger(call(), call(prompt=300, completion=50, in_flight=4)).cost_per_1000("small")
    assert cost == pytest.approx(1000 * (0.00225 + 0.00125) / 2)


def test_a_student_of_two_calls_an_item_costs_both():
    assert ledger(call(item="a"), call(item="a"), items=1).cost_per_1000("small") == pytest.approx(4.5)


def test_production_pays_for_an_answer_that_the_tape_gives_again():
    assert ledger(call(item="a"), call(item="b", repeated=True)).cost_per_1000("small") == pytest.approx(2.25)


def test_the_metrics_calls_are_a_line_of_their_own():
    made = ledger(call(item="a"), call(item="a", purpose="metric", prompt=300, completion=50), items=1)
    assert made.cost_per_1000("small") == pytest.approx(2.25)
    assert made.metric_cost_per_1000("small") == pytest.approx(1.25)


@pytest.mark.parametrize("hourly", [None, 3.6], ids=["tokens", "machine"])
def test_a_program_without_calls_costs_nothing(hourly):
    made = ledger(items=12, hourly=hourly)
    assert (made.cost_per_1000("small"), made.metric_cost_per_1000("small")) == (0.0, 0.0)


def test_an_item_of_no_items_has_no_cost():
    assert math.isnan(ledger(call(), items=0).cost_per_1000("small"))


def test_an_item_may_call_several_models():
    made = ledger(call(item="a"), call("house", item="a"), items=1, student="openai/house", price=Price(2.0, 10.0))
    assert made.cost_per_1000("small") == pytest.approx(2.25 + 2.0)


def test_machine_time_counts_the_items_whose_calls_ran_alone():
    calls = [call(item="a", seconds=2.0), call(item="a", seconds=1.0), call(item="b", seconds=90.0, in_flight=3)]
    assert ledger(*calls, items=2, hourly=3.6).cost_per_1000("small") == pytest.approx(1000 * 3.0 * 3.6 / 3600)


def test_an_item_is_not_alone_by_half():
    calls = [call(item="a", seconds=9.0), call(item="a", seconds=4.0, in_flight=2), call(item="b", seconds=1.0)]
    assert ledger(*calls, items=2, hourly=3.6).cost_per_1000("small") == pytest.approx(1000 * 1.0 * 3.6 / 3600)


def test_items_without_a_call_make_the_mean_item_cheaper():
    made = ledger(call(item="a", seconds=2.0), items=4, hourly=3.6)
    assert made.cost_per_1000("small") == pytest.approx(1000 * 0.5 * 3.6 / 3600)


def test_machine_time_is_shared_out_where_no_item_ran_alone():
    made = ledger(call(seconds=4.0, in_flight=2), call(seconds=9.0, in_flight=3), hourly=3.6)
    assert made.cost_per_1000("small") == pytest.approx(1000 * 2.5 * 3.6 / 3600)


def test_machine_time_of_calls_without_an_item_is_shared_out_too():
    made = ledger(call(item="", seconds=4.0, in_flight=2), call(seconds=1.0), items=2, hourly=3.6)
    assert made.cost_per_1000("small") == pytest.approx(1000 * 1.5 * 3.6 / 3600)


def test_a_stages_machine_time_is_that_of_all_its_calls():
    made = ledger(call(seconds=2.0), call(seconds=9.0, in_flight=3), hourly=3.6)
    assert made.stage("small").dollars == pytest.approx(5.0 * 3.6 / 3600)


def test_machine_time_that_is_not_known_is_not_free():
    made = ledger(call(seconds=0.0, in_flight=2), call(seconds=9.0, in_flight=3), hourly=3.6)
    assert math.isnan(made.cost_per_1000("small"))


def test_seconds_that_are_not_known_of_some_items_leave_those_of_the_others():
    made = ledger(call(seconds=0.0), call(seconds=2.0), hourly=3.6)
    assert made.cost_per_1000("small") == pytest.approx(1000 * 2.0 * 3.6 / 3600)


def test_a_published_price_needs_no_seconds():
    assert ledger(call(seconds=0.0, in_flight=2)).cost_per_1000("small") == pytest.approx(2.25)


def test_the_order_of_the_answers_changes_no_cost():
    calls = [call("little", 1, 1, seconds) for seconds in (0.1, 0.7, 1e9, 0.3, 0.2)]
    assert len({ledger(*order, hourly=0.1).cost_per_1000("small") for order in itertools.permutations(calls)}) == 1


def distilled(training_price=3.0, hourly=None, graph=GRAPH):
    """The tutorial's case: 500 tokens in, 100 out, gpt-4o against a tuned gpt-4o-mini."""
    profile = Profile(
        "p",
        Model("openai/gpt-4o"),
        Student("openai/gpt-4o-mini-2024-07-18"),
        FineTuning(usd_per_million_tokens=None if hourly else training_price),
        machine_usd_per_hour=hourly,
    )
    made = Ledger(profile, graph)
    made.add("search", [call("gpt-4o")] * 400 + [call("gpt-4o", repeated=True)] * 50, 0)
    made.add("other", [call("gpt-4o")] * 77, 0)
    made.add("tune", [call("gpt-4o")] * 100, 0)
    made.add("big", [call("gpt-4o")], 1)
    made.add("small", [call(TUNED, seconds=0.5)], 1)
    made.add_training("tune", TuningReport("ftjob-1", "gpt-4o-mini-2024-07-18", TUNED, 100_000, 3600.0, ()))
    return made


def test_cost_per_thousand_items_is_the_tutorials():
    economics = distilled().economics()
    assert economics.teacher_per_1000 == pytest.approx(2.25)
    assert economics.student_per_1000 == pytest.approx(0.27)


def test_one_off_is_what_the_student_builds_on_and_its_training():
    # `other` is a one-off too, but not of this student; repeated answers were paid once
    assert distilled().economics().one_off == pytest.approx(500 * 0.00225 + 0.1 * 3.0)


def test_a_million_items_save_their_difference():
    assert distilled().economics().saving_per_million == pytest.approx(1980.0)


def test_break_even_is_the_first_item_that_has_paid_for_all():
    assert distilled().economics().break_even == math.ceil(1.425 / 0.00198)


@pytest.mark.parametrize("student", [2.25, 3.0], ids=["as-dear", "dearer"])
def test_a_student_that_saves_nothing_never_breaks_even(student):
    assert Economics(1.0, 2.25, student).break_even == math.inf


def test_training_on_a_machine_costs_its_hours():
    assert distilled(hourly=0.1).training_dollars() == pytest.approx(0.1)


def test_the_training_is_an_entry_of_its_own():
    entry = distilled().entries()["training"]
    assert (entry.calls, entry.prompt_tokens, entry.dollars) == (0, 100_000, pytest.approx(0.3))


def test_an_unknown_price_is_an_error_of_the_economics_and_nan_among_the_entries():
    made = distilled(training_price=None)
    with pytest.raises(PriceError, match="usd_per_million_tokens"):
        made.economics()
    assert math.isnan(made.entries()["training"].dollars)


def test_without_a_stage_that_stands_for_the_student_there_is_no_break_even():
    with pytest.raises(NotMeasuredError, match="break-even is not measured: no stage stands for"):
        distilled(graph=Graph([stage("big", stands_for=TEACHER)])).economics()
