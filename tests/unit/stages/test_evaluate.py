"""What an evaluation makes of answers, of answers that do not parse, and of calls that fail."""

import asyncio
import threading

import dspy
import pytest
from distillgate.errors import MetricError, StageError
from dspy.utils.exceptions import LMError

from tests.unit.stages.canned import Canned, examples, in_fields, program, task
from tests.unit.stages.stand import scored

NONSENSE = "Well, that depends."
UNPARSED = [
    pytest.param(NONSENSE, id="no fields"),
    pytest.param(
        "",
        id="empty",
    ),
]
EVERYWHERE = [
    pytest.param(position, threads, id=f"{name}, {threads} threads")
    for threads in (1, 4)
    for name, position in {"first": 0, "middle": 9, "last": 19}.items()
]


def one(answer, **changes):
    """The result of the only item, to which the model says `answer`."""
    (result,) = scored(program(Canned({"q00": answer})), examples(1), task(**changes)).items
    return result


@pytest.mark.parametrize("alone", [0, 1])
def test_results_stand_in_the_order_of_the_examples_whoever_finishes_first(alone):
    done = {f"q{n:02}": threading.Event() for n in range(alone, 4 + alone)}

    def in_reverse(question):
        if question in done:
            later = done.get(f"q{int(question[1:]) + 1:02}")
            assert later is None or later.wait(5)
            done[question].set()

    results = scored(program(Canned(during=in_reverse)), examples(4 + alone), task(), num_threads=4, alone=alone).items
    assert [(item.id, item.answer) for item in results] == [(f"item-{n:02}", f"a{n:02}") for n in range(4 + alone)]


@pytest.mark.parametrize(("answer", "correct"), [("a00", True), ("a99", False)])
def test_the_metric_decides_what_is_correct(answer, correct):
    assert one(in_fields(answer)).correct is correct


def test_a_result_carries_what_was_expected_and_what_was_said():
    result = one(in_fields("a99"))
    assert (result.expected, result.answer, result.parse_failure) == ("a00", "a99", False)
    assert (result.slices, result.outputs["answer"]) == ({}, "a99")


@pytest.mark.parametrize("answer", UNPARSED)
def test_an_answer_that_does_not_parse_is_a_parse_failure(answer):
    result = one(answer)
    assert (result.parse_failure, result.answer) == (True, "")


@pytest.mark.parametrize("answer", UNPARSED)
def test_an_answer_that_does_not_parse_is_wrong_whatever_the_metric_says(answer):
    assert not one(answer, metric=lambda example, prediction, trace=None: True).correct


def test_the_items_after_an_unparsed_one_are_evaluated():
    answers = dict.fromkeys(["q00", "q02"], NONSENSE)
    results = scored(program(Canned(answers)), examples(4), task()).items
    assert [item.correct for item in results] == [False, True, False, True]


@pytest.mark.parametrize(
    ("answer", "score"), [pytest.param(in_fields("a00"), 0.3333, id="parsed"), pytest.param(NONSENSE, 0.0, id="not")]
)
def test_secondary_metrics_are_rounded_and_zero_for_what_did_not_parse(answer, score):
    assert one(answer, secondary={"third": lambda example, prediction: 1 / 3}).secondary == {"third": score}


@pytest.mark.parametrize("answer", [in_fields("a00"), NONSENSE], ids=["parsed", "not parsed"])
def test_tokens_and_seconds_are_those_of_the_items_call(answer):
    result = one(answer)
    assert (result.prompt_tokens, result.completion_tokens, result.seconds) == (10, 3, 0.5)


def test_the_calls_of_an_item_add_up():
    class Twice(dspy.Module):
        def __init__(self):
            super().__init__()
            self.ask = program(Canned())

        def forward(self, question):
            self.ask(question=question)
            return self.ask(question=question)

    results = scored(Twice(), examples(2), task()).items
    assert [(item.prompt_tokens, item.completion_tokens, item.seconds) for item in results] == [(20, 6, 1.0)] * 2


@pytest.mark.parametrize(("position", "threads"), EVERYWHERE)
def test_one_failed_call_among_many_is_never_a_wrong_answer(position, threads):
    answers = {f"q{position:02}": RuntimeError("the line is dead")}
    with pytest.raises(Exception, match=r"the line is dead|cancelled due to errors"):
        scored(program(Canned(answers)), examples(20), task(), num_threads=threads)


def test_no_call_follows_a_failed_one():
    engine = Canned({"q03": RuntimeError("the line is dead")})
    with pytest.raises(Exception, match=r"the line is dead|cancelled due to errors"):
        scored(program(engine), examples(20), task())
    assert engine.order == ["q00", "q01", "q02", "q03"]


@pytest.mark.parametrize("threads", [1, 4])
def test_what_a_call_raises_is_what_the_stage_raises(threads):
    with pytest.raises(LMError, match="the line is dead"):
        scored(program(Canned({"q03": RuntimeError("the line is dead")})), examples(8), task(), num_threads=threads)


def test_an_error_of_the_metric_is_no_wrong_answer_either():
    def broken(example, prediction, trace=None):
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        scored(program(Canned()), examples(3), task(metric=broken))


def test_every_output_of_each_answer_is_kept_and_the_text_of_one_that_does_not_parse():
    class Several(dspy.Module):
        def __init__(self):
            super().__init__()
            self.ask = program(Canned({"q01": NONSENSE}))

        def forward(self, question):
            said = self.ask(question=question)
            return dspy.Prediction(answer=said.answer, names=("A", "B"), odd={1: threading.Lock})

    assert [item.outputs for item in scored(Several(), examples(2), task()).items] == [
        {"answer": "a00", "names": ["A", "B"], "odd": {"1": str(threading.Lock)}},
        {"answer as it came": NONSENSE},
    ]


def test_an_open_answer_shows_the_last_output_beside_what_the_row_holds():
    open_task = task(label="", labels=())
    (result,) = scored(program(Canned()), examples(1), open_task).items
    assert (result.expected, result.reference, result.answer) == ("", "a00", "a00")


def test_slices_and_cluster_come_from_the_row_whatever_their_type():
    (example,) = examples(1)
    row = dspy.Example(**example, urgent=True, event=7, language="fi").with_inputs("question")
    sliced = task(slices=("urgent", "language", "absent"), cluster="event")
    (result,) = scored(program(Canned()), [row], sliced).items
    assert result.slices == {"urgent": "true", "language": "fi", "absent": "null"}
    assert result.cluster == "7"


def test_an_asynchronous_metric_is_awaited():
    async def metric(example, prediction, trace=None):
        await asyncio.sleep(0)
        return prediction.answer == example.answer

    assert scored(program(Canned()), examples(2), task(metric=metric)).accuracy.value == 1


def test_an_output_that_differs_from_run_to_run_is_refused():
    class Odd(dspy.Module):
        def __init__(self):
            super().__init__()
            self.ask = program(Canned())

        def forward(self, question):
            return dspy.Prediction(answer=self.ask(question=question).answer, thing=object())

    with pytest.raises(StageError, match="output 'thing' is a object, which differs from run to run"):
        scored(Odd(), examples(1), task())


def test_a_secondary_metric_that_is_no_share_is_an_error_naming_it():
    with pytest.raises(MetricError, match="secondary metric 'words': the metric returned 7"):
        scored(program(Canned()), examples(1), task(secondary={"words": lambda example, prediction: 7}))
