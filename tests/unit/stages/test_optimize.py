"""An optimised program carries demonstrations, follows from its seed, and stays plain DSPy."""

import dataclasses

import dspy
import pytest

pytest.importorskip("uvicorn", reason="the loopback endpoint comes with the extra 'test'")
from distillgate.stages.runtime import prepared
from distillgate.stages.search import optimize
from news.task import task as news

from tests.unit.stages.endpoints import NONSENSE, Wayward, asked, lm_at
from tests.unit.stages.stand import Stand

task = dataclasses.replace(news, labeled_demos=0)

TRAIN = {
    "On Monday the parliament of Norway held a vote on the treaty.": "politics",
    "In Lyon the coach of Olympique praised a late goal in the match.": "sports",
    "The bank in Zurich sold bonds, shares and a loan to Tallinn.": "finance",
    "A nurse at the hospital in Ghent found the disease in one patient.": "health",
}
DEV = {
    "In Porto the film got a song, a singer and a stage.": "entertainment",
    "In Turin a robot got new software, a chip and a sensor.": "technology",
    "In Malmo the mayor lost a vote in the council.": "politics",
}


def rows(articles):
    return [
        dspy.Example(id=article[:8], article=article, category=category, entities=[article.split()[1]]).with_inputs(
            "article"
        )
        for article, category in articles.items()
    ]


def classifies(body):
    return "[[ ## category ## ]]" in asked(body)


def needs_demonstrations(body):
    """Nonsense to a prompt that shows no example."""
    return NONSENSE if classifies(body) and len(body["messages"]) == 2 else None


def run(endpoint, dev, seed=9):
    with prepared(task):
        return optimize(
            Stand(task, {"train": rows(TRAIN), "dev": dev}, {"teacher": lm_at(endpoint, "teacher")}, seed=seed)
        )


@pytest.fixture(scope="module")
def watched(connect):
    """An endpoint that takes its time, the teacher there, and what came of optimising it with three threads."""
    endpoint = connect(Wayward(needs_demonstrations))
    endpoint.delay = 0.01
    teacher = lm_at(endpoint, "teacher")
    stand = Stand(task, {"train": rows(TRAIN), "dev": rows(DEV)}, {"teacher": teacher}, num_threads=3)
    with prepared(task):
        return endpoint, teacher, optimize(stand)


def test_demonstrations_that_help_are_in_the_program(watched):
    assert watched[2].predictors()[0].demos


def test_demonstrations_come_from_the_training_rows(watched):
    assert {demo["article"] for demo in watched[2].predictors()[0].demos} <= set(TRAIN)


def test_the_program_asks_the_teacher(watched):
    assert [predictor.lm for predictor in watched[2].predictors()] == [watched[1]]


def test_trials_run_in_parallel(watched):
    assert max(map(len, watched[0].crowds)) > 1


def test_a_proposal_is_never_under_way_together_with_another_call(watched):
    proposals = [crowd for crowd in watched[0].crowds if 1.0 in crowd]
    assert set(proposals) == {(1.0,)}


def test_nothing_of_the_search_stays_on_the_program(watched):
    assert vars(watched[2]).keys() == vars(task.program()).keys()


def test_a_saved_program_loaded_by_stock_dspy_gives_the_same_prompts(watched, tmp_path):
    endpoint, teacher, optimized = watched
    optimized.save(tmp_path / "optimize.json")
    loaded = task.program()
    loaded.load(tmp_path / "optimize.json")
    loaded.set_lm(teacher)
    for program in (optimized, loaded):
        program(article=next(iter(DEV)))
    assert endpoint.bodies[-1] == endpoint.bodies[-2]


@pytest.fixture(scope="module")
def runs(connect):
    """What was sent, and what came of it: twice with one seed, once with another."""
    endpoint, made = connect(Wayward(needs_demonstrations)), []
    for seed in (9, 9, 10):
        endpoint.bodies.clear()
        made.append((run(endpoint, rows(DEV)[:1], seed).dump_state(), list(endpoint.bodies)))
    return made


def test_the_same_seed_sends_the_same_requests(runs):
    assert runs[0][1] == runs[1][1]


def test_the_same_seed_gives_the_same_program(runs):
    assert runs[0][0] == runs[1][0]


def test_another_seed_searches_elsewhere(runs):
    assert runs[0][1] != runs[2][1]


def test_an_answer_that_does_not_parse_ends_no_trial(connect):
    *bad, _ = DEV
    endpoint = connect(Wayward(lambda body: NONSENSE if any(article in asked(body) for article in bad) else None))
    run(endpoint, rows(DEV))
    asks = [sum(article in asked(body) for body in endpoint.bodies if classifies(body)) for article in DEV]
    asks[0] -= 1  # the probe's, which a tape would answer once
    assert asks[0] > 1
    assert set(asks) == {asks[0]}


def test_a_failed_call_is_never_a_wrong_answer(connect):
    endpoint = connect(Wayward(lambda body: 500 if "Porto" in asked(body) else None))
    with pytest.raises(Exception, match="the line is dead"):
        run(endpoint, rows(DEV)[:1])
