"""Programs and metrics unlike the example's: graded scores, several predictors, other adapters, calls of the metric."""

import json
import threading

import dspy
import pytest
from distillgate.calls import Call, report
from distillgate.errors import MetricError, StageError
from distillgate.stages.rows import Rows
from distillgate.stages.runtime import prepared
from distillgate.tuning import TuningReport

from tests.unit.stages.canned import Canned, examples, in_fields, program, task
from tests.unit.stages.stand import Stand, scored, taught

JUDGE_CALL = Call("judge", 100, 1, 2.0, 1)


class Tuner:
    """Keeps the rows it is given."""

    def tune(self, model, rows, hyperparameters):
        self.rows = [json.loads(line)["messages"] for line in rows.splitlines()]
        return TuningReport("job", model, f"ft:{model}", 0, 0.0, ())


class InTwoSteps(dspy.Module):
    """Two predictors with the same fields and instructions of their own."""

    def __init__(self):
        super().__init__()
        self.draft = dspy.Predict(dspy.Signature("question -> answer", "Draft an answer."))
        self.check = dspy.Predict(dspy.Signature("question -> answer", "Check the draft."))

    def forward(self, question):
        return self.check(question=self.draft(question=question).answer.replace("a", "q"))


def lm(answers=None):
    return dspy.LM("openai/canned", engine=Canned(answers), cache=False, num_retries=0)


def distilled(task, optimized, answers=None, count=3, adapter=None):
    tuner, rows = Tuner(), examples(count)
    models = {"teacher": lm(answers), "student": lm()}
    with dspy.context(adapter=adapter), prepared(task):
        result = taught(Stand(task, {"train": rows}, models, {"optimize": optimized}, tunes=tuner))
    return result, tuner.rows


@pytest.mark.parametrize(
    ("verdict", "threshold", "value", "correct"),
    [
        pytest.param(0.1, 0.5, 0.1, False, id="below"),
        pytest.param(0.5, 0.5, 0.5, True, id="at"),
        pytest.param(dspy.Prediction(score=0.0, feedback="no"), 0.5, 0.0, False, id="prediction of nought"),
        pytest.param(dspy.Prediction(score=0.7, feedback="so so"), None, 0.7, None, id="graded"),
        pytest.param(True, None, 1.0, True, id="bool"),
    ],
)
def test_a_score_is_correct_by_the_tasks_threshold(verdict, threshold, value, correct):
    judged = task(metric=lambda example, prediction, trace=None: verdict, threshold=threshold)
    (item,) = scored(program(Canned()), examples(1), judged).items
    assert (item.score, item.correct) == (value, correct)


@pytest.mark.parametrize("verdict", ["yes", None, 1.5, -0.1, float("nan"), [1], dspy.Prediction(answer="a")])
def test_what_is_no_verdict_is_an_error(verdict):
    with pytest.raises(MetricError, match="the metric returned"):
        scored(program(Canned()), examples(1), task(metric=lambda example, prediction, trace=None: verdict))


@pytest.mark.parametrize(
    ("thresholds", "kept"),
    [
        pytest.param({"threshold": 0.5}, 1, id="threshold"),
        pytest.param({"training_threshold": 0.3}, 2, id="training threshold"),
        pytest.param({"threshold": 0.5, "training_threshold": 0.3}, 2, id="both"),
    ],
)
def test_a_trace_of_little_score_is_not_trained_on(thresholds, kept):
    graded = {"a00": 0.1, "a01": 0.4, "a02": 0.9}
    judged = task(
        program=lambda: dspy.Predict("question -> answer"),
        metric=lambda example, prediction, trace=None: graded[prediction.answer],
        **thresholds,
    )
    result, rows = distilled(judged, judged.program())
    assert (result.kept, result.dropped, len(rows)) == (kept, 3 - kept, kept)


def test_a_grading_metric_without_a_threshold_trains_on_nothing():
    judged = task(program=lambda: dspy.Predict("question -> answer"), metric=lambda *asked, **more: 0.9)
    with pytest.raises(MetricError, match="Give the task a training_threshold, or a threshold"):
        distilled(judged, judged.program())


def test_each_of_two_predictors_with_the_same_fields_is_trained_on_its_own_instructions():
    twice = task(program=InTwoSteps)
    optimized = InTwoSteps()
    for predictor in optimized.predictors():
        predictor.signature = predictor.signature.with_instructions("Something else altogether.")
    _, rows = distilled(twice, optimized)
    systems = [turns[0]["content"] for turns in rows]
    assert [sum(text in system for system in systems) for text in ("Draft an answer.", "Check the draft.")] == [3, 3]
    assert not [system for system in systems if "Something else" in system]


@pytest.mark.parametrize("adapter", [dspy.JSONAdapter(), dspy.XMLAdapter()], ids=["json", "xml"])
def test_training_rows_are_written_by_the_programs_own_adapter(adapter):
    form = {"JSONAdapter": '{{"answer": "{}"}}', "XMLAdapter": "<answer>\n{}\n</answer>"}[type(adapter).__name__]
    answers = {f"q{n:02}": form.format(f"a{n:02}") for n in range(3)}
    plain = task(program=lambda: dspy.Predict("question -> answer"), adapter=None)
    result, rows = distilled(plain, plain.program(), answers, adapter=adapter)
    assert result.kept == 3
    for turns in rows:
        fields = adapter.parse(dspy.Signature("question -> answer"), turns[-1]["content"])
        assert fields["answer"].startswith("a")
        assert "[[ ## answer ## ]]" not in turns[-1]["content"]


def test_an_adapter_that_cannot_write_rows_is_refused():
    with pytest.raises(StageError, match="no training rows can be written with TwoStepAdapter: "):
        Rows(dspy.Predict("question -> answer"), dspy.TwoStepAdapter(lm())).check()


def test_the_calls_of_the_metric_are_not_the_programs():
    def judged(example, prediction, trace=None):
        report(JUDGE_CALL)
        return True

    (item,) = scored(program(Canned()), examples(1), task(metric=judged)).items
    assert (item.calls, item.prompt_tokens, item.seconds) == (1, 10, 0.5)


def test_a_program_without_a_call_was_not_alone():
    class Silent(dspy.Module):
        def __init__(self):
            super().__init__()
            self.ask = program(Canned())

        def forward(self, question):
            return dspy.Prediction(answer="a00")

    (item,) = scored(Silent(), examples(1), task()).items
    assert (item.calls, item.alone) == (0, False)


def test_calls_that_the_program_makes_in_threads_of_dspys_belong_to_their_item():
    class Spread(dspy.Module):
        def __init__(self):
            super().__init__()
            self.ask = program(Canned())

        def forward(self, question):
            inputs = dspy.Example(question=question).with_inputs("question")
            return dspy.Parallel(num_threads=2, disable_progress_bar=True)([(self.ask, inputs)] * 2)[0]

    cards = scored(Spread(), examples(2), task())
    assert [item.calls for item in cards.items] == [2, 2]


def test_an_answer_in_the_judges_own_model_is_asked_of_the_judge():
    def judged(example, prediction, trace=None):
        return dspy.Predict("question -> answer")(question=example.question).answer == "good"

    judge = lm({"q00": in_fields("good")})
    card = scored(program(Canned()), examples(1), task(metric=judged), models={"judge": judge})
    assert card.items[0].correct


def test_a_thread_of_the_programs_own_is_not_attributed():
    heard = []

    class Alone(dspy.Module):
        def __init__(self):
            super().__init__()
            self.ask = program(Canned())

        def forward(self, question):
            thread = threading.Thread(target=lambda: heard.append(self.ask(question=question)))
            thread.start()
            thread.join()
            return heard[-1]

    (item,) = scored(Alone(), examples(1), task()).items
    assert item.calls == 0  # the lifecycle refuses such a stage: see tests/unit/test_lifecycle.py
