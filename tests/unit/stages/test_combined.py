"""What is made of several students, and of one in several ways: ensembles, cascades, curves, parity, BetterTogether."""

import html
import json
import re

import pytest

pytest.importorskip("uvicorn", reason="the loopback endpoint comes with the extra 'test'")
from distillgate.cli import main
from distillgate.config import Gate
from distillgate.errors import ConfigError, NotMeasuredError, StageError
from distillgate.report.gather import gathered, measured, summarised
from distillgate.report.machine import as_json
from distillgate.report.markdown import as_markdown
from distillgate.report.page import render
from distillgate.report.table import ending
from distillgate.results.statistics import Rate

from tests.endpoint import Endpoint
from tests.unit.stages import shapes
from tests.unit.stages.test_shapes import SIZES, make, replayed, shaped  # noqa: F401  # a fixture and what goes with it

pytestmark = pytest.mark.slow

NO_SEARCH = 'optimizer = "none"'
SEEDS = """
[tool.distillgate.profiles.loopback.students.tiny]
model = "openai/student"
seeds = 3
logprobs = true
[tool.distillgate.profiles.loopback.ensembles.vote]
members = ["tiny"]
"""
CASCADE = """
[tool.distillgate.profiles.loopback.cascades.{name}]
student = "tiny"
unsure = "{unsure}"
"""
MISTAKES = {"ft:student:9": {12, 13, 8}, "ft:student:10": {13, 9}, "ft:student:11": {14, 10}}
"""Tuned model → the numbers whose colour it gets wrong; 8 to 11 are the dev rows, 12 to 15 the test rows."""


def number(body):
    return int(re.findall(r"Which colour is (\d+)", json.dumps(body["messages"]))[-1])


class Mistaken(Endpoint):
    """Whose tuned models make mistakes, and are unsure where they do."""

    def __init__(self):
        super().__init__()
        self.by_seed = True
        self.script = self.reply
        self.sure = lambda body: 0.4 if number(body) in MISTAKES.get(body["model"], ()) else 0.9

    def reply(self, body):
        said = shapes.reply(body)
        if said is not None and number(body) in MISTAKES.get(body["model"], ()):
            right = shapes.colour(number(body))
            return said.replace(right, "red" if right != "red" else "blue")
        return said


def right(card):
    return [item.correct for item in card.items]


@pytest.fixture
def combined(make):  # noqa: F811
    """Three fine-tunes, their ensemble and three cascades, recorded; and the endpoint."""
    cascades = "".join(CASCADE.format(name=name, unsure=name) for name in ("logprobs", "seeds", "unparsed"))
    return make.recorded(shaped(shapes.Plain), Mistaken(), project=NO_SEARCH, profile=SEEDS + cascades)


def test_an_ensemble_answers_as_most_of_its_members_do_and_asks_nothing(combined):
    made, endpoint = combined
    asked = len(endpoint.bodies)
    cards = [made.scorecard(f"distilled@tiny_{seed}") for seed in (1, 2, 3)]
    vote = made.scorecard("ensemble@vote")
    assert [right(card) for card in cards] == [
        [False, False, True, True],
        [True, False, True, True],
        [True, True, False, True],
    ]
    assert right(vote) == [True, False, True, True]
    assert len(endpoint.bodies) == asked
    assert not made.recordings.path("ensemble@vote").exists()
    assert [item.decided for item in vote.items] == ["red 2, blue 1", "red 2, green 1", "blue 2, red 1", "black 3"]


def test_an_ensemble_costs_what_its_members_cost_and_takes_as_long_as_the_slowest(combined):
    made, _ = combined
    cards = [made.scorecard(f"distilled@tiny_{seed}") for seed in (1, 2, 3)]
    vote = made.scorecard("ensemble@vote")
    costs = [made.ledger.cost_per_1000(card.stage) for card in cards]
    assert made.ledger.cost_per_1000("ensemble@vote") == pytest.approx(sum(costs))
    assert made.ledger.stage("ensemble@vote").calls == 0  # nothing was paid for it
    for items in zip(*(card.items for card in cards), vote.items, strict=True):
        assert items[-1].seconds == max(item.seconds for item in items[:-1])
        assert items[-1].completion_tokens == sum(item.completion_tokens for item in items[:-1])


def test_a_cascade_asks_the_teacher_where_the_student_gives_its_answer_little_probability(combined):
    made, _ = combined
    card = made.scorecard("cascade@logprobs")
    student, teacher = made.scorecard("distilled@tiny_1"), made.scorecard("teacher")
    assert [item.confidence for item in student.items] == [0.4, 0.4, 0.9, 0.9]
    assert right(card) == [True, True, True, True]
    assert [item.decided.split()[0] for item in card.items] == ["teacher", "teacher", "student", "student"]
    assert card.parts == {"distilled@tiny_1": 1.0, "teacher": 0.5}
    expected = made.ledger.cost_per_1000(student.stage) + 0.5 * made.ledger.cost_per_1000(teacher.stage)
    assert made.ledger.cost_per_1000(card.stage) == pytest.approx(expected)
    assert card.items[0].seconds == student.items[0].seconds + teacher.items[0].seconds
    assert card.items[2].seconds == student.items[2].seconds


def test_its_tradeoff_goes_from_the_student_alone_to_the_teacher_for_all(combined):
    points = combined[0].scorecard("cascade@logprobs").tradeoff
    assert [(point.threshold, point.asked, point.accuracy) for point in points] == [
        (None, 0.0, 0.5),
        (0.6, 0.5, 1.0),
        (0.1, 1.0, 1.0),
    ]


def test_its_threshold_is_chosen_on_dev(combined):
    made, endpoint = combined
    assert made.recordings.header(made.graph["teacher_on_dev"], "x")["stage"] == "teacher_on_dev"
    asked = [
        number(body) for body in endpoint.bodies if body and body.get("model") == "ft:student:9" and "messages" in body
    ]
    assert {8, 9, 10, 11} < set(asked)
    assert "distilled@tiny_1_on_dev" not in made.scorecards  # decides, and is no figure of its own


def test_fine_tunes_that_disagree_hand_on_to_the_teacher(combined):
    card = combined[0].scorecard("cascade@seeds")
    # on dev one of three is wrong about each of three items, so their majority is right and nobody has to be asked
    assert card.parts["teacher"] == 0
    assert card.parts["distilled@tiny_3"] == 1
    assert right(card) == [True, False, True, True]


def test_a_cascade_on_answers_that_do_not_parse_asks_nothing_on_dev(combined):
    made, _ = combined
    assert made.graph["cascade@unparsed"].needs == ("distilled@tiny_1", "teacher")
    assert made.scorecard("cascade@unparsed").accuracy == Rate(2, 4)


def test_all_that_is_replayed_to_the_same(combined, make):  # noqa: F811
    again = replayed(make, combined[0])
    assert again.scorecard("cascade@logprobs").tradeoff == combined[0].scorecard("cascade@logprobs").tradeoff


def test_what_is_computed_cannot_be_recorded(combined, make):  # noqa: F811
    with pytest.raises(StageError, match="ensemble@vote has no recording: it is computed of distilled@tiny_1, "):
        make.lifecycle("ensemble@vote")


def test_a_learning_curve_is_a_student_for_each_number_of_traces(make):  # noqa: F811
    table = '[tool.distillgate.profiles.loopback.students.tiny]\nmodel = "openai/student"\ncurve = [2, 4]'
    made, endpoint = make.recorded(shaped(shapes.Plain), project=NO_SEARCH, profile=table)
    assert [name for name in made.graph if name.startswith("distilled")] == [
        "distilled@tiny",
        "distilled@tiny-2",
        "distilled@tiny-4",
    ]
    assert [len(rows.splitlines()) for rows in endpoint.files.values()] == [8, 2, 4]
    replayed(make, made)


def test_a_tuned_model_served_otherwise_is_asked_without_a_job_of_its_own(make):  # noqa: F811
    table = """
    [tool.distillgate.profiles.loopback.students.tiny]
    model = "openai/student"
    [tool.distillgate.profiles.loopback.students.small]
    model = "openai/student"
    serves = "tiny"
    variant = ":q4"
    """
    made, endpoint = make.recorded(shaped(shapes.Plain), project=NO_SEARCH, profile=table)
    assert made.graph.names[-1] == "parity@small"
    assert len(endpoint.jobs) == 1
    assert {body["model"] for body in endpoint.bodies if body and "messages" in body} >= {"ft:student:test:q4"}
    assert made.scorecard("parity@small").n == SIZES["test"]
    replayed(make, made)


CURATED = """
[tool.distillgate.profiles.loopback.students.{name}]
model = "openai/student"
{recipe}
"""


class Fickle(Endpoint):
    """Whose teacher gets numbers 0 to 2 wrong, 0 and 1 only when it is cold, and says of 3 what does not parse."""

    def __init__(self):
        super().__init__()
        self.script = self.reply

    def reply(self, body):
        said, row = shapes.reply(body), number(body)
        if body["model"] == "teacher" and (row == 2 or (row in (0, 1) and not body.get("temperature"))):
            return said.replace(shapes.colour(row), "black")
        return "I cannot tell." if body["model"] == "teacher" and row == 3 else said


def recipe(make, line, **changes):  # noqa: F811
    made, endpoint = make.recorded(
        shaped(shapes.Plain, **changes), Fickle(), project=NO_SEARCH, profile=CURATED.format(name="tiny", recipe=line)
    )
    (rows,) = endpoint.files.values()
    numbers = sorted(number(json.loads(row)) for row in rows.splitlines())
    replayed(make, made)
    return numbers, made.result("distill@tiny")


def test_without_the_filter_all_that_parses_is_trained_on(make):  # noqa: F811
    assert recipe(make, "filter = false")[0] == [0, 1, 2, 4, 5, 6, 7]


def test_rejected_rows_are_sampled_again(make):  # noqa: F811
    numbers, result = recipe(make, "resampled = true")
    assert numbers == [0, 1, 4, 5, 6, 7]
    assert result.curated.resampled == 2
    assert result.curated.left_out == {"rejected by the metric": 2}


def test_a_quota_bounds_each_label_and_near_duplicates_are_dropped(make):  # noqa: F811
    numbers, result = recipe(make, "quota = 1")
    assert sorted(shapes.colour(one) for one in numbers) == sorted(shapes.COLOURS)
    assert result.curated.left_out == {"rejected by the metric": 4}


def test_near_duplicates_are_dropped(make):  # noqa: F811
    numbers, result = recipe(make, "distinct = 0.9")  # the questions differ in one letter
    assert len(numbers) == 1
    assert result.curated.left_out == {"rejected by the metric": 4, "near-duplicate": 3}


TOGETHER = """
[tool.distillgate.profiles.loopback.students.both]
model = "openai/student"
strategy = "{strategy}"
"""
SEARCH = 'optimizer = "bootstrap_random_search"\noptimizer_settings = { num_candidate_programs = 1 }'


@pytest.mark.parametrize("strategy", ["p -> w", "w -> p", "p -> w -> p"])
def test_prompt_and_weights_are_optimised_in_turn(make, strategy):  # noqa: F811
    made, endpoint = make.recorded(shaped(shapes.Plain), project=SEARCH, profile=TOGETHER.format(strategy=strategy))
    result = made.result("together@both")
    assert len(endpoint.jobs) == 1
    assert result.kept == 8
    assert made.scorecard("distilled@both").accuracy.value == 1
    assert result.steps in strategy
    replayed(make, made)


def test_a_step_that_fails_fails_the_stage(make):  # noqa: F811
    endpoint = Endpoint()
    endpoint.job_status = "failed"
    with pytest.raises(StageError, match="ftjob-1"):
        make.recorded(shaped(shapes.Plain), endpoint, project=SEARCH, profile=TOGETHER.format(strategy="p -> w"))


@pytest.mark.parametrize(
    ("table", "why"),
    [
        pytest.param(SEEDS.replace("seeds = 3", "seeds = 2"), "ensemble 'vote' of less than three voters", id="two"),
        pytest.param(SEEDS.replace('["tiny"]', '["wee"]'), "ensemble 'vote' of 'wee', which is none of", id="member"),
        pytest.param(SEEDS + CASCADE.format(name="vote", unsure="seeds"), "two students, ensembles or", id="name"),
        pytest.param(
            SEEDS + CASCADE.format(name="one", unsure="doubt"), "valid: unparsed, logprobs, seeds", id="unsure"
        ),
        pytest.param(
            SEEDS.replace("logprobs = true", "") + CASCADE.format(name="one", unsure="logprobs"),
            "needs logprobs = true",
            id="logprobs",
        ),
        pytest.param(TOGETHER.format(strategy="p and w"), "strategy", id="strategy"),
        pytest.param(TOGETHER.format(strategy="w -> p -> w"), "strategy", id="two jobs"),
    ],
)
def test_what_cannot_be_is_refused_before_a_call(make, table, why):  # noqa: F811
    with pytest.raises(ConfigError, match=why):
        make(shaped(shapes.Plain), project=SEARCH, profile=table)
        make.lifecycle()


def verdict(made, name, **bound):
    return made.verdict(Gate(name=name, **bound))


def test_a_gate_is_measured_on_the_one_that_it_names(combined):
    made, _ = combined
    assert verdict(made, "student_accuracy@vote", minimum=0.7).value == 0.75
    assert verdict(made, "retention@logprobs", minimum=0.9).value == 1.0
    assert verdict(made, "teacher_accuracy", minimum=0.9).value == 1.0


def test_a_gate_on_several_fine_tunes_is_about_their_mean(combined):
    made, _ = combined
    found = verdict(made, "retention@tiny", minimum=0.6)
    assert found.value == pytest.approx((0.5 + 0.75 + 0.75) / 3)
    assert found.shown == "66.7 %, 3 fine-tunes from 50.0 % to 75.0 %"
    low, high = found.limits
    assert low < found.value < high
    assert verdict(made, "retention", minimum=0.6).value == found.value  # the one that is compared


def test_a_gate_may_ask_for_so_many_fine_tunes(combined):
    made, _ = combined
    enough = verdict(made, "student_accuracy@tiny", minimum=0.7, holds="2 of 3")
    assert enough.passed
    assert str(enough).startswith(
        "gate student_accuracy@tiny holds: 2 of 3 fine-tunes (50.0 %, 75.0 %, 75.0 %) (must be ≥ 70 % in 2 of 3;"
    )
    assert not verdict(made, "student_accuracy@tiny", minimum=0.7, holds="3 of 3").passed
    with pytest.raises(ConfigError, match="holds = '4 of 5', but tiny is tuned 3 times"):
        verdict(made, "student_accuracy@tiny", minimum=0.7, holds="4 of 5")


def test_flips_are_counted_against_the_model_that_is_served_otherwise(make):  # noqa: F811
    table = """
    [tool.distillgate.profiles.loopback.students.tiny]
    model = "openai/student"
    [tool.distillgate.profiles.loopback.students.small]
    model = "openai/student"
    serves = "tiny"
    variant = ":q4"
    """

    def script(body):
        said = shapes.reply(body)
        return said.replace("blue", "red") if body["model"].endswith(":q4") else said

    endpoint = Endpoint()
    endpoint.script = script
    made, _ = make.recorded(shaped(shapes.Plain), endpoint, project=NO_SEARCH, profile=table)
    found = verdict(made, "flips@small", maximum=0.1)
    assert (found.value, found.n, found.misses) == (0.25, 4, ('item-14 ("Which colour is 14?"): blue, now red',))
    assert not found.passed
    with pytest.raises(NotMeasuredError, match="serves no other student's model"):
        verdict(made, "flips", maximum=0.1)


def test_a_gate_on_nobody_is_refused(make):  # noqa: F811
    gate = "\n[tool.distillgate.gates]\n'retention@wee' = { min = 0.9 }\n"
    with pytest.raises(ConfigError, match="the gate retention@wee can never be measured: no student, ensemble or"):
        make(shaped(shapes.Plain), project=NO_SEARCH + gate, profile=SEEDS)
        make.lifecycle()


def test_a_verdict_on_one_fine_tune_says_so(make):  # noqa: F811
    made, _ = make.recorded(shaped(shapes.Plain), project=NO_SEARCH)
    assert str(verdict(made, "student_accuracy", minimum=0.9)).splitlines()[0].endswith("; one fine-tune)")
    assert "fine-tune" not in str(verdict(made, "teacher_accuracy", minimum=0.9))


def test_show_explains_an_ensemble_by_those_it_is_computed_of(combined, monkeypatch, capsys):
    made, _ = combined
    monkeypatch.chdir(made.config.root)
    item = made.scorecard("ensemble@vote").items[0]
    assert main(["show", item.id, "--stage", "ensemble@vote"]) == 0
    said = " ".join(capsys.readouterr().out.split())
    assert "red 2, blue 1" in said
    assert "no calls of its own: computed of distilled@tiny_1, distilled@tiny_2, distilled@tiny_3" in said


def reported(made):
    return summarised(made, *measured(made))


def test_reports_rank_all_of_them(combined):
    made, _ = combined
    for stage in made.graph.evaluations:
        made.scorecard(stage)
    run = reported(made)
    text, markdown, table = ending(run), as_markdown(run), as_json(run)["leaderboard"]
    names = [one["name"] for one in table["candidates"]]
    assert (names[0], sorted(names[1:3]), names[3:]) == ("logprobs", ["seeds", "vote"], ["tiny", "unparsed"])
    assert "which of 5 surely keeps 90 % of the teacher's quality" in " ".join(text.split())
    assert re.search(r"^ *tiny +66.7 % ", text, re.MULTILINE)
    assert "| tiny | 66.7 % | 50.0 % to 75.0 % |" in markdown
    told = "cascade logprobs: the teacher is asked about 50.0 % of the items; 0 % give 50.0 %, 50 % give 100.0 %"
    assert told in " ".join(text.split())
    assert told in markdown


def test_reports_tell_what_more_traces_would_bring(make):  # noqa: F811
    table = '[tool.distillgate.profiles.loopback.students.tiny]\nmodel = "openai/student"\ntraces = 8\ncurve = [2, 4]'
    made, _ = make.recorded(shaped(shapes.Plain), project=NO_SEARCH, profile=table)
    told = "learning curve of tiny: 2 traces 100.0 %, 4 traces 100.0 %, 8 traces 100.0 %; 16 would bring about"
    assert told in " ".join(ending(reported(made)).split())


def test_the_page_has_them_beside_each_other_and_a_slider_for_each_cascade(combined, tmp_path):
    made, _ = combined
    for stage in made.graph.evaluations:
        made.scorecard(stage)
    page = render(gathered(made, measured(made)[0], tmp_path))
    assert "Which of 5 surely keeps 90 % of the teacher" in page
    assert page.count('type="range"') == 3
    points = re.findall(r'data-points="([^"]*)"', page)
    assert json.loads(html.unescape(points[0]))[1][:2] == ["50.0 %", "100.0 %"]


def test_agreement_is_how_often_the_teachers_answer_is_given_and_no_correctness(combined):
    made, _ = combined
    found = verdict(made, "agreement@vote", minimum=0.7)
    assert (found.value, found.n) == (0.75, 4)
    assert "kappa" in found.shown
    assert found.shown.endswith("this is not correctness")
    assert found.misses == ('item-13 ("Which colour is 13?"): teacher green, student red',)
